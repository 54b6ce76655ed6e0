#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni simulate --evidence and kuni evidence: same bytes at any thread count, census close to the truth, a genome within
# 50 MiB, text that can be cut by region and sample, damage told with exit status 65.
. "$(dirname "$0")/../lib.sh"
fixtures=$here/../fixtures

options=(--evidence --quiet --samples 300 --length 200k --seed 5 --batch 128)
for threads in 1 3; do
    "$KUNI" simulate "${options[@]}" --threads $threads --out "$work/t$threads" >/dev/null
done
diff -r "$work/t1" "$work/t3" || fail "threads change the bytes"
cd "$work/t1/evidence"
[ "$(find . -name '*.ev' | wc -l)" -eq 3 ] || fail "3 batches of 128 expected"
"$KUNI" evidence check ./*.ev >/dev/null || fail "check"
mib=$("$KUNI" evidence stat b0000.ev | awk -F'\t' '$2 == "bytes" && $3 == "all" {print $6}')
awk -v m="$mib" 'BEGIN {exit !(m > 10 && m <= 50)}' || fail "$mib MiB a genome"

# Copies in the censuses against the true ones: at 30x hardly any is missed but where data are missing (1 %).
for file in *.ev; do "$KUNI" evidence dump --what census "$file"; done |
    awk '$1 == "census" {n[$3 " " $4 " " $5] += $7} END {for (a in n) print a, n[a]}' | sort >"$work/census"
awk 'NR > 1 {print $2, $3, $4, $5}' ../truth.tsv | sort >"$work/truth"
join -j 1 -a 1 <(awk '{print $1 "_" $2 "_" $3, $4}' "$work/truth" | sort) \
    <(awk '{print $1 "_" $2 "_" $3, $4}' "$work/census" | sort) |
    awk '{true += $2; d = $2 - $3; off += d < 0 ? -d : d} END {printf "%d true copies, %d off\n", true, off; exit off > 0.04 * true}' ||
    fail "the census is far from the truth"

sample=$(sed -n 2p ../samples.tsv | cut -f1)
"$KUNI" evidence dump --region chr20:5000-6000 --sample "$sample" b0000.ev >"$work/cut"
awk -v s="$sample" '$1 == "event" && ($4 != s || $3 > 6000) || $1 == "block" && ($5 != s || $3 > 6000 || $4 < 5000) {exit 1}' \
    "$work/cut" || fail "lines outside the region or of other samples"
grep -q '^block' "$work/cut" || fail "no block in a kilobase"

"$KUNI" evidence dump --what events b0000.ev | awk -F'\t' '$16 != ".,.,." {n++} END {exit !(n > 1000)}' || fail "no rank sums"

status() { "$@" >"$work/out" 2>"$work/err" && echo 0 || echo $?; }
# A file of format version 1, which was never released.
[ "$(status "$KUNI" evidence check "$fixtures/evidence-format-1.ev")" -eq 65 ] || fail "version 1 is not refused"
grep -q 'format version 1, this kuni reads 3 to 4' "$work/err" || { cat "$work/err"; fail "version 1 is not named"; }

cp b0002.ev damaged.ev
printf '\xff\xff' | dd of=damaged.ev bs=1 seek=20000 conv=notrunc status=none
[ "$(status "$KUNI" evidence check damaged.ev)" -eq 65 ] || fail "damage is not told"
grep -q 'damaged.ev: chunk .*checksum' "$work/err" || { cat "$work/err"; fail "message"; }
head -c 5000 b0002.ev >cut.ev
[ "$(status "$KUNI" evidence stat cut.ev)" -eq 65 ] || fail "a cut file is not told"
[ "$(status "$KUNI" evidence stat nosuch.ev)" -eq 74 ] || fail "a missing file is not told"
[ "$(status "$KUNI" evidence stats b0000.ev)" -eq 64 ] || fail "an unknown verb is not told"
[ "$(status "$KUNI" evidence dump --sample nobody b0000.ev)" -eq 64 ] || fail "an unknown sample is not told"
