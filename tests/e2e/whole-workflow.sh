#!/bin/bash
# SPDX-License-Identifier: MIT
# params, when, include and profiles of a workflow: what they do, that a changed param runs again what uses it and nothing else, and
# the mistakes that people make with them, each told with file, line, column and cure before anything is computed.
. "$(dirname "$0")/../lib.sh"
go_on=1
cd "$work"
"$KUNI" simulate --quiet -n 3 --contigs chr20:20k --depth 4 --seed 4 --out cohort >/dev/null
cd cohort
mkdir lib
sed -i '/^pedigree/d; s/needs: \[qc, joint\]/needs: [qc, mark]/' workflow.yaml
cat >>workflow.yaml <<'YAML'
  - include: lib/marks.yaml
params:
  marks: {type: bool, default: true, help: whether calls are marked}
  threads: {type: int, default: 2, least: 1, most: 8}
  word: 'it''s "fine" $HOME'
  panel: {type: file, default: panel.txt}
  mode: {allowed: [fast, slow], default: fast}
profiles:
  laptop: {threads: 1, regions.bundle: 8, mark.time_limit: 2h}
YAML
cat >lib/marks.yaml <<'YAML'
- {id: mark, run: 'cat {input} > {output}', takes: calls, gives: calls, extension: bcf, scatter: region, threads: '{param.threads}', when: marks, needs: joint}
- id: count
  run: 'echo "{param.word}" {param.mode} > {output}; cat {param.panel} >> {output}'
  takes: calls
  gives: text
  extension: txt
  scatter: cohort
  publish: n.txt
  needs: mark
- include: more.yaml
YAML
echo "- {id: slow, run: 'touch {output}', may_be_empty: true, takes: calls, gives: nothing, extension: txt, scatter: cohort, when: mode == slow, needs: mark}" >lib/more.yaml
echo panel >panel.txt

says() { grep -qF -- "$1" "${2:-out}" || fail "no '$1' in: $(cat "${2:-out}")"; }
whole() { "$KUNI" run --quiet --keep-all "$@" workflow.yaml >out 2>&1 || fail "$*: $(cat out)"; }
# What runs with these options, of all that does not follow: "mark 2".
runs() { "$KUNI" run -n "$@" workflow.yaml >dry 2>&1 || fail "$*: $(cat dry)"; awk '$1 == "step" {on = 1; next} on && !NF {exit} on && /^[a-z]/ && $4 > 0 {printf "%s %s;", $1, $4}' dry; }
same() { [ "$2" = "$1" ] || fail "'$2' runs, expected '$1': $(cat dry)"; }

"$KUNI" validate workflow.yaml >out || fail "validate"
says 'param mode = fast (text; fast, slow)'
says 'param marks = true (bool): whether calls are marked'
whole
diff dataset/current/n.txt - <<<'it'\''s "fine" $HOME fast
panel' || fail "values reach a command otherwise"
same '' "$(runs)"
same 'count 1;' "$(runs --set word=other)"
says "param.word: was 'it's \"fine\" \$HOME', now 'other'" dry
same 'mark 2;' "$(runs --set threads=3)"
same 'mark 2;' "$(runs --profile laptop)"
says "threads: was '2', now '1'" dry
same 'mark 2;' "$(runs --profile laptop --set threads=4)"
says "threads: was '2', now '4'" dry
same 'count 1;slow 1;' "$(runs --set mode=slow)"
echo other >panel.txt
same 'count 1;' "$(runs)"
says 'param.panel: a file of other content' dry
echo panel >elsewhere.txt
same '' "$(runs --set panel=elsewhere.txt)"
"$KUNI" graph -f mermaid --set marks=no workflow.yaml >out 2>&1 && fail "no is neither true nor false"
says "--set marks=no: param marks: got 'no'; expected true or false"
"$KUNI" graph --set marks=false workflow.yaml >out || fail "when"
grep -q 'label="mark' out && fail "a stage that is off is drawn"
whole --set marks=false
says 'other' dataset/current/n.txt

# --- mistakes: "line of the file | what is put in its place | what is said of it" ---
cp workflow.yaml right.yaml
cp lib/marks.yaml right-marks.yaml
n=0
while IFS='|' read -r file old new words; do
    cp right.yaml workflow.yaml
    cp right-marks.yaml lib/marks.yaml
    OLD=$old NEW=$new python3 - "$file" <<'PY'
import os, sys
text = open(sys.argv[1]).read()
old, new = os.environ["OLD"], os.environ["NEW"].replace("\\n", "\n")
assert text.count(old) >= 1, old
open(sys.argv[1], "w").write(text.replace(old, new, 1))
PY
    status=0
    "$KUNI" validate workflow.yaml >out 2>&1 || status=$?
    [ "$status" = 64 ] || fail "status $status of '$new'"
    says "$words"
    grep -Eq "^kuni: [^ ]*$file:[0-9]+:[0-9]+: " out || fail "no file, line and column of '$new': $(cat out)"
    n=$((n + 1))
done <<'LIST'
workflow.yaml|type: int, default: 2|type: int, default: two|param threads: got 'two'; expected a whole number
workflow.yaml|default: 2, least|default: 9, least|param threads: got '9', out of range; expected a number from 1 to 8
workflow.yaml|type: bool|type: boolean|type: got 'boolean'; expected text, int, float, bool or file; did you mean 'bool'?
workflow.yaml|default: fast|default: fats|param mode: got 'fats'; expected one of fast, slow; did you mean 'fast'?
workflow.yaml|default: panel.txt|default: pnael.txt|panel: cannot find
workflow.yaml|, default: panel.txt||param panel has no default; expected `--set panel=VALUE`, or `default:` here
workflow.yaml|help: whether|halp: whether|unknown key 'halp' in a param
workflow.yaml|  word:|  a word:|params: 'a word' is no name
workflow.yaml|allowed: [fast, slow]|allowed: fast|allowed: got 'fast'; expected a list
workflow.yaml|threads: 1, regions|thraeds: 1, regions|the workflow has no param and no key 'thraeds'; did you mean 'threads'?
workflow.yaml|mark.time_limit: 2h|mrak.time_limit: 2h|unknown key 'mrak'
workflow.yaml|regions.bundle: 8|regions.bundle: lots|bundle: got 'lots'
workflow.yaml|profiles:|profile: laptpo\nprofiles:|profile: there is no 'laptpo' among the workflow's profiles; did you mean 'laptop'?
workflow.yaml|lib/marks.yaml|lib/mark.yaml|include: cannot find
workflow.yaml|- include: lib/marks.yaml|- {include: lib/marks.yaml, id: x}|include: stands beside other keys
lib/marks.yaml|include: more.yaml|include: marks.yaml|is being read already: files include each other; expected no circle
lib/marks.yaml|- {id: mark, run|mark: {id: mark, run|not YAML
lib/marks.yaml|when: marks|when: mraks|there is no param 'mraks'; expected one that is declared under params; did you mean 'marks'?
lib/marks.yaml|when: marks|when: mode|param mode is of type text; expected one of type bool, or 'mode == VALUE'
lib/marks.yaml|when: marks|when: mode == fats|when: param mode is never 'fats'; expected a value that it may have; did you mean 'fast'?
lib/marks.yaml|when: marks|when: marks is on|when: got 'marks is on'; expected the name of a param
lib/marks.yaml|{param.word}|{param.wrod}|there is no param 'wrod'; expected one that is declared under params; did you mean 'word'?
lib/marks.yaml|'{param.threads}'|'{param.word}'|threads: expected a whole number
lib/marks.yaml|needs: mark|needs: marks|needs: no stage has the id 'marks'; did you mean 'mark'?
LIST
cp right.yaml workflow.yaml
cp right-marks.yaml lib/marks.yaml
"$KUNI" validate --profile desktop workflow.yaml >out 2>&1 && fail "a profile that is not there"
says "there is no 'desktop' among the workflow's profiles"
"$KUNI" validate --set wrod=x workflow.yaml >out 2>&1 && fail "a param that is not there"
says "--set wrod=x: the workflow has no param and no key 'wrod'; did you mean 'word'?"
verdict "all well, and $n mistakes are told"
