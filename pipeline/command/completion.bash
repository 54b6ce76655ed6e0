# SPDX-License-Identifier: MIT
# Sets COMPREPLY to what fits the thing $1 and begins with $2.
_kuni_reply()
{
    local what=$1 cur=$2 ending word found=''
    case $what in
    words\ *)
        found=$(compgen -W "${what%% files *}" -- "$cur" | grep -vx words)
        [[ $what == *' files '* ]] && what="files ${what##* files }"
        ;;
    esac
    case $what in
    ask\ *)
        for word in "${COMP_WORDS[@]}"; do
            [[ $word == *.yaml || $word == *.yml ]] && [[ -f $word ]] || continue
            found=$(compgen -W "$("${COMP_WORDS[0]}" names "${what#ask }" "$word" 2>/dev/null)" -- "$cur")
            break
        done
        [[ $what != 'ask params' ]] || compopt -o nospace 2>/dev/null
        ;;
    file) found=$(compgen -f -- "$cur") ;;
    folder) found=$(compgen -d -- "$cur") ;;
    files\ *)
        found+=$'\n'$(compgen -d -- "$cur")
        for ending in ${what#files }; do found+=$'\n'$(compgen -f -X "!*.$ending" -- "$cur"); done
        ;;
    esac
    case $what in
    file* | folder) compopt -o filenames 2>/dev/null ;;
    esac
    mapfile -t COMPREPLY < <(printf '%s\n' "$found" | sort -u | sed '/^$/d')
}

_kuni()
{
    local cur=${COMP_WORDS[COMP_CWORD]} command='' option='' what ended='' n=0 i word
    local options verbs most words
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == [=:] ]]; then
            # readline parts words there: "--jobs=2" is three
            [[ $word == = && -n $option ]] || ((i++))
        elif [[ -n $option ]]; then
            option='' # this was its value
        elif [[ -z $command ]]; then
            command=$word
        elif [[ -n $ended || $word != -* ]]; then
            ((n++))
        elif [[ $word == -- ]]; then
            ended=1
        elif _kuni_value "$command" "$word"; then
            option=$word
        fi
    done
    [[ $i -gt $COMP_CWORD ]] && return # the rest of a value that was parted
    [[ $cur == [=:] && -z $option ]] && return
    [[ $cur == = ]] && cur=''

    if [[ -z $command ]]; then
        _kuni_reply "words $_kuni_commands --help --version" "$cur"
        return
    fi
    _kuni_table "$command"
    if [[ -n $option ]]; then
        _kuni_value "$command" "$option" && _kuni_reply "$what" "$cur"
    elif [[ $cur == -* && -z $ended ]]; then
        _kuni_reply "words $options" "$cur"
    elif [[ -n $verbs && $n -eq 0 ]]; then
        _kuni_reply "words $verbs" "$cur"
    elif [[ $most -lt 0 || $n -lt $((most + (${#verbs} > 0))) ]]; then
        _kuni_reply "$words" "$cur"
    fi
}

complete -F _kuni kuni
