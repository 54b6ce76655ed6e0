/* SPDX-License-Identifier: MIT */
/* Names of contigs that every format of the field can hold. */
#ifndef KUNI_CORE_CONTIG_NAME_H
#define KUNI_CORE_CONTIG_NAME_H

/*
 * NULL where the name is one by the SAM specification (1.2.1, which VCF 4.3 follows):
 * [0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*; else what is wrong with it.
 */
const char *kuni_contig_name_fault(const char *name);

#endif
