/* SPDX-License-Identifier: MIT */
/* The model as a file: tab-separated text that people can read. */
#ifndef KUNI_QUALITY_MODEL_H
#define KUNI_QUALITY_MODEL_H

#include "kuni/stage.h"
#include "quality.h"

#define QUALITY_MODEL_TABLE  "qc/variant_quality.model.tsv"
#define QUALITY_REPORT_TABLE "qc/variant_quality.tsv"

/* Of the two tables. */
extern const kuni_column quality_columns[];

/* Models that are not present are left out. */
KUNI_MUST_CHECK kuni_status quality_models_write(const quality_model models[QUALITY_TYPES],
                                                 const char *path, kuni_error *err);
KUNI_MUST_CHECK kuni_status quality_models_read(quality_model models[QUALITY_TYPES],
                                                const char *path, kuni_error *err);

#endif
