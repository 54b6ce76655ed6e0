/* SPDX-License-Identifier: MIT */
/*
 * Every struct, field and enumerator that the other headers declare, made from them by
 * tests/abi/layout --update: KUNI_PLUGIN lets the compiler say where each of them lies.
 */
#ifndef KUNI_LAYOUT_H
#define KUNI_LAYOUT_H

#include "kuni/allele.h"
#include "kuni/buffer.h"
#include "kuni/evidence.h"
#include "kuni/file.h"
#include "kuni/genome.h"
#include "kuni/json.h"
#include "kuni/karyotype.h"
#include "kuni/lines.h"
#include "kuni/params.h"
#include "kuni/reads.h"
#include "kuni/sample.h"
#include "kuni/stage.h"
#include "kuni/status.h"
#include "kuni/variant_prior.h"

/* clang-format off */
#define KUNI_LAYOUT(STRUCT, FIELD, VALUE) \
    STRUCT(kuni_allele_trim) \
    FIELD(kuni_allele_trim, skip) \
    FIELD(kuni_allele_trim, ref_length) \
    FIELD(kuni_allele_trim, alt_length) \
    STRUCT(kuni_error) \
    FIELD(kuni_error, status) \
    FIELD(kuni_error, sample) \
    FIELD(kuni_error, text) \
    STRUCT(kuni_buffer) \
    FIELD(kuni_buffer, data) \
    FIELD(kuni_buffer, length) \
    FIELD(kuni_buffer, capacity) \
    STRUCT(kuni_span) \
    FIELD(kuni_span, tid) \
    FIELD(kuni_span, beg) \
    FIELD(kuni_span, end) \
    STRUCT(kuni_contig) \
    FIELD(kuni_contig, name) \
    FIELD(kuni_contig, length_bp) \
    STRUCT(kuni_karyotype) \
    FIELD(kuni_karyotype, sex) \
    FIELD(kuni_karyotype, x) \
    FIELD(kuni_karyotype, y) \
    STRUCT(kuni_event) \
    FIELD(kuni_event, pos) \
    FIELD(kuni_event, sample) \
    FIELD(kuni_event, flags) \
    FIELD(kuni_event, ploidy) \
    FIELD(kuni_event, n_alleles) \
    FIELD(kuni_event, gt) \
    FIELD(kuni_event, gq) \
    FIELD(kuni_event, mq) \
    FIELD(kuni_event, qual) \
    FIELD(kuni_event, dp) \
    FIELD(kuni_event, set) \
    FIELD(kuni_event, phase_set) \
    FIELD(kuni_event, alleles) \
    FIELD(kuni_event, pl) \
    FIELD(kuni_event, ad) \
    FIELD(kuni_event, sb) \
    FIELD(kuni_event, rank) \
    STRUCT(kuni_block) \
    FIELD(kuni_block, beg) \
    FIELD(kuni_block, end) \
    FIELD(kuni_block, sample) \
    FIELD(kuni_block, kind) \
    FIELD(kuni_block, ploidy) \
    FIELD(kuni_block, gq) \
    FIELD(kuni_block, min_dp) \
    FIELD(kuni_block, gq_one) \
    FIELD(kuni_block, either) \
    STRUCT(kuni_census) \
    FIELD(kuni_census, pos) \
    FIELD(kuni_census, ref) \
    FIELD(kuni_census, alt) \
    FIELD(kuni_census, n_samples) \
    FIELD(kuni_census, n_copies) \
    FIELD(kuni_census, sum_qual) \
    FIELD(kuni_census, max_qual) \
    STRUCT(kuni_allele_set) \
    FIELD(kuni_allele_set, pos) \
    FIELD(kuni_allele_set, n_alleles) \
    FIELD(kuni_allele_set, alleles) \
    FIELD(kuni_allele_set, census) \
    STRUCT(kuni_evidence_header) \
    FIELD(kuni_evidence_header, shard) \
    FIELD(kuni_evidence_header, contig) \
    FIELD(kuni_evidence_header, reference_md5) \
    FIELD(kuni_evidence_header, producer) \
    FIELD(kuni_evidence_header, params) \
    FIELD(kuni_evidence_header, samples) \
    FIELD(kuni_evidence_header, n_samples) \
    STRUCT(kuni_evidence_chunk) \
    FIELD(kuni_evidence_chunk, beg) \
    FIELD(kuni_evidence_chunk, end) \
    FIELD(kuni_evidence_chunk, events) \
    FIELD(kuni_evidence_chunk, n_events) \
    FIELD(kuni_evidence_chunk, blocks) \
    FIELD(kuni_evidence_chunk, n_blocks) \
    FIELD(kuni_evidence_chunk, alleles) \
    FIELD(kuni_evidence_chunk, n_alleles) \
    FIELD(kuni_evidence_chunk, sets) \
    FIELD(kuni_evidence_chunk, n_sets) \
    STRUCT(kuni_evidence_extent) \
    FIELD(kuni_evidence_extent, beg) \
    FIELD(kuni_evidence_extent, end) \
    FIELD(kuni_evidence_extent, n_alleles) \
    FIELD(kuni_evidence_extent, n_sets) \
    FIELD(kuni_evidence_extent, n_events) \
    FIELD(kuni_evidence_extent, n_blocks) \
    FIELD(kuni_evidence_extent, offset) \
    FIELD(kuni_evidence_extent, census_bytes) \
    FIELD(kuni_evidence_extent, events_bytes) \
    FIELD(kuni_evidence_extent, blocks_bytes) \
    STRUCT(kuni_json_level) \
    FIELD(kuni_json_level, is_object) \
    FIELD(kuni_json_level, has_items) \
    FIELD(kuni_json_level, breaks) \
    STRUCT(kuni_json) \
    FIELD(kuni_json, file) \
    FIELD(kuni_json, err) \
    FIELD(kuni_json, status) \
    FIELD(kuni_json, style) \
    FIELD(kuni_json, text) \
    FIELD(kuni_json, begun) \
    FIELD(kuni_json, depth) \
    FIELD(kuni_json, levels) \
    STRUCT(kuni_karyotype_line) \
    FIELD(kuni_karyotype_line, sample) \
    FIELD(kuni_karyotype_line, name) \
    FIELD(kuni_karyotype_line, basis) \
    FIELD(kuni_karyotype_line, karyotype) \
    STRUCT(kuni_lines) \
    FIELD(kuni_lines, path) \
    FIELD(kuni_lines, number) \
    FIELD(kuni_lines, file) \
    FIELD(kuni_lines, text) \
    STRUCT(kuni_param) \
    FIELD(kuni_param, name) \
    FIELD(kuni_param, type) \
    FIELD(kuni_param, value) \
    FIELD(kuni_param, least) \
    FIELD(kuni_param, most) \
    FIELD(kuni_param, choices) \
    FIELD(kuni_param, unit) \
    FIELD(kuni_param, help) \
    FIELD(kuni_param, step) \
    STRUCT(kuni_sample) \
    FIELD(kuni_sample, id) \
    FIELD(kuni_sample, participant) \
    FIELD(kuni_sample, reads) \
    FIELD(kuni_sample, index) \
    FIELD(kuni_sample, md5) \
    FIELD(kuni_sample, site) \
    FIELD(kuni_sample, father) \
    FIELD(kuni_sample, mother) \
    FIELD(kuni_sample, group) \
    FIELD(kuni_sample, name_in_file) \
    FIELD(kuni_sample, index_in_cohort) \
    FIELD(kuni_sample, sex) \
    FIELD(kuni_sample, shares_reads) \
    STRUCT(kuni_port) \
    FIELD(kuni_port, kind) \
    FIELD(kuni_port, extension) \
    FIELD(kuni_port, publish) \
    FIELD(kuni_port, optional) \
    FIELD(kuni_port, many) \
    FIELD(kuni_port, tell) \
    FIELD(kuni_port, in_place) \
    FIELD(kuni_port, of_samples) \
    FIELD(kuni_port, wider) \
    FIELD(kuni_port, with) \
    STRUCT(kuni_task_file) \
    FIELD(kuni_task_file, kind) \
    FIELD(kuni_task_file, path) \
    FIELD(kuni_task_file, publish) \
    FIELD(kuni_task_file, shard) \
    FIELD(kuni_task_file, batch) \
    FIELD(kuni_task_file, offset) \
    FIELD(kuni_task_file, bytes) \
    FIELD(kuni_task_file, sample) \
    STRUCT(kuni_batch) \
    FIELD(kuni_batch, id) \
    FIELD(kuni_batch, first) \
    FIELD(kuni_batch, n_samples) \
    STRUCT(kuni_task) \
    FIELD(kuni_task, stage_id) \
    FIELD(kuni_task, genome) \
    FIELD(kuni_task, ploidy) \
    FIELD(kuni_task, params) \
    FIELD(kuni_task, samples) \
    FIELD(kuni_task, n_samples) \
    FIELD(kuni_task, columns) \
    FIELD(kuni_task, batches) \
    FIELD(kuni_task, n_batches) \
    FIELD(kuni_task, shards) \
    FIELD(kuni_task, n_shards) \
    FIELD(kuni_task, shard) \
    FIELD(kuni_task, batch) \
    FIELD(kuni_task, sample) \
    FIELD(kuni_task, inputs) \
    FIELD(kuni_task, n_inputs) \
    FIELD(kuni_task, outputs) \
    FIELD(kuni_task, n_outputs) \
    FIELD(kuni_task, scratch) \
    FIELD(kuni_task, memory_bytes) \
    FIELD(kuni_task, heartbeat) \
    STRUCT(kuni_step) \
    FIELD(kuni_step, name) \
    FIELD(kuni_step, scatter) \
    FIELD(kuni_step, inputs) \
    FIELD(kuni_step, outputs) \
    FIELD(kuni_step, run) \
    FIELD(kuni_step, samples_per_task) \
    FIELD(kuni_step, threads) \
    FIELD(kuni_step, memory_bytes) \
    FIELD(kuni_step, n_memory) \
    FIELD(kuni_step, sees_facts) \
    FIELD(kuni_step, folds) \
    FIELD(kuni_step, feed) \
    FIELD(kuni_step, fields) \
    FIELD(kuni_step, halo_bp) \
    FIELD(kuni_step, unplaced) \
    FIELD(kuni_step, open) \
    FIELD(kuni_step, begin_sample) \
    FIELD(kuni_step, read) \
    FIELD(kuni_step, end_sample) \
    FIELD(kuni_step, drop_sample) \
    FIELD(kuni_step, finish) \
    FIELD(kuni_step, close) \
    FIELD(kuni_step, without) \
    FIELD(kuni_step, combine) \
    STRUCT(kuni_column) \
    FIELD(kuni_column, table) \
    FIELD(kuni_column, name) \
    FIELD(kuni_column, unit) \
    FIELD(kuni_column, definition) \
    STRUCT(kuni_stage) \
    FIELD(kuni_stage, name) \
    FIELD(kuni_stage, summary) \
    FIELD(kuni_stage, version) \
    FIELD(kuni_stage, params) \
    FIELD(kuni_stage, steps) \
    FIELD(kuni_stage, n_steps) \
    FIELD(kuni_stage, shape) \
    FIELD(kuni_stage, columns) \
    FIELD(kuni_stage, check) \
    FIELD(kuni_stage, ready) \
    FIELD(kuni_stage, check_samples) \
    VALUE(KUNI_OK) \
    VALUE(KUNI_USAGE) \
    VALUE(KUNI_DATA) \
    VALUE(KUNI_BUG) \
    VALUE(KUNI_MEMORY) \
    VALUE(KUNI_IO) \
    VALUE(KUNI_AGAIN) \
    VALUE(KUNI_ERROR_TEXT_BYTES) \
    VALUE(KUNI_HUMAN_X) \
    VALUE(KUNI_HUMAN_Y) \
    VALUE(KUNI_HUMAN_M) \
    VALUE(KUNI_SEX_UNKNOWN) \
    VALUE(KUNI_SEX_MALE) \
    VALUE(KUNI_SEX_FEMALE) \
    VALUE(KUNI_COPIES_EITHER) \
    VALUE(KUNI_EVIDENCE_FORMAT) \
    VALUE(KUNI_EVIDENCE_FORMAT_LEAST) \
    VALUE(KUNI_EVIDENCE_CHUNK_BP) \
    VALUE(KUNI_EVENT_ALLELES_MAX) \
    VALUE(KUNI_PL_MAX) \
    VALUE(KUNI_PL_MISSING) \
    VALUE(KUNI_PL_EXACT_BITS) \
    VALUE(KUNI_PL_EXACT) \
    VALUE(KUNI_PL_BITS) \
    VALUE(KUNI_PL_BITS_OTHER) \
    VALUE(KUNI_BLOCK_LINE_BP) \
    VALUE(KUNI_EVENT_CARRIED) \
    VALUE(KUNI_EVENT_PHASED) \
    VALUE(KUNI_EVENT_FILTERED) \
    VALUE(KUNI_EVENT_FORCED) \
    VALUE(KUNI_EVENT_OTHER) \
    VALUE(KUNI_EVENT_EITHER) \
    VALUE(KUNI_EVENT_ONE) \
    VALUE(KUNI_EVENT_UNLISTED) \
    VALUE(KUNI_RANK_MAPQ) \
    VALUE(KUNI_RANK_POSITION) \
    VALUE(KUNI_RANK_BASEQ) \
    VALUE(KUNI_RANKS) \
    VALUE(KUNI_RANK_UNKNOWN) \
    VALUE(KUNI_RANK_EQUAL) \
    VALUE(KUNI_RANK_REACH) \
    VALUE(KUNI_BLOCK_REFERENCE) \
    VALUE(KUNI_BLOCK_CONFLICT) \
    VALUE(KUNI_BLOCK_FILTERED) \
    VALUE(KUNI_BLOCK_UNLISTED) \
    VALUE(KUNI_BLOCK_STATED) \
    VALUE(KUNI_BLOCK_LOW) \
    VALUE(KUNI_CENSUS_NONE) \
    VALUE(KUNI_READ_CENSUS) \
    VALUE(KUNI_READ_EVENTS) \
    VALUE(KUNI_READ_BLOCKS) \
    VALUE(KUNI_READ_ALL) \
    VALUE(KUNI_READ_BY_SAMPLE) \
    VALUE(KUNI_DIGEST_HEX_BYTES) \
    VALUE(KUNI_JSON_TIGHT) \
    VALUE(KUNI_JSON_SPACED) \
    VALUE(KUNI_JSON_INDENTED) \
    VALUE(KUNI_JSON_INLINE) \
    VALUE(KUNI_JSON_BREAK_FIRST) \
    VALUE(KUNI_JSON_BREAK_BETWEEN) \
    VALUE(KUNI_JSON_BREAK_END) \
    VALUE(KUNI_JSON_ITEMS) \
    VALUE(KUNI_JSON_LINES) \
    VALUE(KUNI_JSON_DEPTH_MAX) \
    VALUE(KUNI_LINE_BYTES_MAX) \
    VALUE(KUNI_LINE_FIELDS_MAX) \
    VALUE(KUNI_LINE_FINE) \
    VALUE(KUNI_LINE_LONG) \
    VALUE(KUNI_LINE_BINARY) \
    VALUE(KUNI_LINE_NOT_UTF8) \
    VALUE(KUNI_PARAM_BOOL) \
    VALUE(KUNI_PARAM_INT) \
    VALUE(KUNI_PARAM_FLOAT) \
    VALUE(KUNI_PARAM_TEXT) \
    VALUE(KUNI_PARAM_CHOICE) \
    VALUE(KUNI_PARAM_PATH) \
    VALUE(KUNI_PARAM_LIST) \
    VALUE(KUNI_UNINDEXED_BYTES_MAX) \
    VALUE(KUNI_READ_BASES_MOST) \
    VALUE(KUNI_READ_MAPQ_ASSUMED) \
    VALUE(KUNI_READ_QUALITY_ASSUMED) \
    VALUE(KUNI_SCATTER_READS) \
    VALUE(KUNI_SCATTER_BATCH) \
    VALUE(KUNI_SCATTER_REGION) \
    VALUE(KUNI_SCATTER_COHORT) \
    VALUE(KUNI_SCATTER_RANKS) \
    VALUE(KUNI_SCATTER_SAMPLE) \
    VALUE(KUNI_SCATTER_SAMPLE_SHARD) \
    VALUE(KUNI_FEED_READS) \
    VALUE(KUNI_FEED_GVCF) \
    VALUE(KUNI_FEED_ANY) \
    VALUE(KUNI_REPEAT_UNIT_MOST) \
    VALUE(KUNI_REPEAT_LOOK_BP)
/* clang-format on */

#endif
