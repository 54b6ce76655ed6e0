/* SPDX-License-Identifier: MIT */
/*
 * What the parts of variant-quality share: a site, its features, the model.
 *
 * A feature is a number m of a site that was measured with a sampling variance v: the mean z of
 * three heterozygotes scatters more than that of three hundred, and a filter that does not know
 * this throws rare variants away. Of true sites m is taken to scatter around mu with variance tau^2
 * + v, so
 *
 *   x = (m - mu) / sqrt(tau^2 + v)
 *
 * is alike for rare and common ones. mu is the median of the sites held for true; tau^2 is
 * the least that gives x^2 no greater a median, and no greater a last tenth, than the square of a
 * normal number has.
 *
 * The score is a sum of one piecewise linear function a feature (slopes change at x = -3, -1, 1,
 * 3), fitted by logistic regression: sites held for true against sites held for false. VQ is 10
 * log10 of the odds, both kinds taken to be equally many, less what QUAL leaves to chance: no site
 * is surer than QUAL.
 *
 * SNPs and indels have a model each.
 */
#ifndef KUNI_QUALITY_H
#define KUNI_QUALITY_H

#include "kuni/stage.h"

typedef enum quality_feature {
    QUALITY_DEPTH_QUAL,
    QUALITY_STRAND_BIAS,
    QUALITY_STRAND_SHARE,
    QUALITY_MQ,
    QUALITY_MQ_RANK,
    QUALITY_POSITION_RANK,
    QUALITY_BASE_RANK,
    QUALITY_BALANCE,
    QUALITY_DEPTH,
    QUALITY_CALL_RATE,
    QUALITY_EXPECTED_COPIES,
    QUALITY_REPEAT,
    QUALITY_LENGTH,
    QUALITY_ALLELES,
    QUALITY_FEATURES
} quality_feature;

enum {
    QUALITY_TYPES = 2,  /* SNP (all ALTs as long as REF), indel */
    QUALITY_PIECES = 5, /* numbers a feature has in the regression */
    QUALITY_WEIGHTS = 1 + QUALITY_FEATURES * QUALITY_PIECES,
    QUALITY_FOLDS = 5
};

/* What is known of a site beforehand. */
typedef enum quality_label {
    QUALITY_UNKNOWN,
    QUALITY_TRUE,
    QUALITY_FALSE,
    QUALITY_LABELS
} quality_label;

typedef struct quality_site {
    uint64_t hash; /* of contig and position: the order in which sites are drawn */
    uint8_t type, label;
    uint8_t change; /* of a SNP with one ALT: 1 transition, 2 transversion; else 0 */
    uint8_t fold;
    float qual;                    /* phred of chance */
    float value[QUALITY_FEATURES]; /* NAN: unknown */
    float noise[QUALITY_FEATURES]; /* variance */
} quality_site;

/* Which values of a feature speak against a site. */
typedef enum quality_side {
    QUALITY_LOW = 1,
    QUALITY_HIGH = 2,
    QUALITY_BOTH = 3,
    QUALITY_NEITHER = 0
} quality_side;

typedef struct quality_feature_info {
    const char *name;
    double least_spread; /* of tau: below it differences mean nothing */
    quality_side side;
    const char *help;
} quality_feature_info;

extern const quality_feature_info quality_features[QUALITY_FEATURES];
extern const char *const quality_types[QUALITY_TYPES];

/* Held-out shares of true sites at which the report has a row and thresholds can be asked for. */
enum { QUALITY_TRANCHES = 7 };
extern const double quality_tranches[QUALITY_TRANCHES];

typedef struct quality_model {
    bool present;
    double centre[QUALITY_FEATURES], spread[QUALITY_FEATURES]; /* mu, tau */
    double weight[QUALITY_WEIGHTS];
    double threshold; /* VQ below which a site is flagged */
} quality_model;

/* x of each feature, within -8..8; 0 where unknown. */
void quality_standardise(const quality_model *model, const quality_site *site,
                         double x[QUALITY_FEATURES]);
/* The numbers that the weights belong to. */
void quality_expand(const double x[QUALITY_FEATURES], double terms[QUALITY_WEIGHTS]);
/* The score: VQ. */
double quality_score(const quality_model *model, const quality_site *site);

#endif
