/* SPDX-License-Identifier: MIT */
/*
 * An attacker who knows all tables of two releases, who was called in which, and how kuni decides, and who has
 * the time to look at every possible truth: cohorts are so small that all can be gone through. A
 * truth is possible where it gives all that is told, and where what is hidden might be: by the rules, or by
 * chance. What is the same in all possible truths is known. No number of people who carry the allele (or have it
 * once, or twice, or lack it beside others who carry it), of any set of strata, may be known to be 1 to k-1.
 *
 * Left out, because nothing can be told otherwise: a set of people within at least k of whom it is told that
 * all are alike ("nobody carries it", "all do").
 *
 * The attacker is worth nothing if nothing is known to it: it has to break rules that are too weak.
 */
#include "fixture.h"

#include <unistd.h>

#include "atoms.h"
#include "disclosure.h"

enum { PEOPLE_MAX = 40, STRATA_MAX = 12, CELLS_MAX = 9, SETS_MAX = 1 << STRATA_MAX };

/* What is decided otherwise than kuni does. */
typedef enum weakness {
    SOUND,
    NO_COMPLEMENT, /* each cell by its own count alone */
    NO_PAST,       /* as if there were no earlier release */
    NO_CHANCE      /* what is hidden is small */
} weakness;

static uint64_t random_state;

static uint64_t draw(uint64_t n)
{
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t x = random_state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (x ^ x >> 31) % n;
}

typedef struct person {
    uint64_t number;
    int group, sex;
    bool in[2], known, missing;
} person;

/* People who are alike in all that tables and releases tell apart. */
typedef struct stratum {
    int group, sex;
    bool in[2], known;
    int people, called;
} stratum;

/* One of the two releases. */
typedef struct release {
    size_t n_cells;
    uint8_t cells[CELLS_MAX][STRATA_MAX]; /* by stratum of the attack */
    bool offered[CELLS_MAX];
    uint8_t told[CELLS_MAX];
} release;

typedef struct attack {
    int64_t k;
    bool with_hom;
    weakness weak;
    person people[PEOPLE_MAX];
    size_t n_people;
    stratum strata[STRATA_MAX];
    size_t n;
    release releases[2];
    kuni_disclosure_counts truth[STRATA_MAX];
    char folder[64];
    int n_chapters;
} attack;

/* --- a world --- */

static void make_people(attack *a)
{
    /* Kinds of people who are alike, of sizes near k, for there it is decided. */
    size_t n_kinds = 2 + draw(4);
    bool all_same = draw(3) == 0, with_known = draw(4) == 0;
    a->n_people = 0;
    for (size_t i = 0; i < n_kinds; i++) {
        person like = {.group = (int)draw(2), .sex = (int)draw(2), .in = {true, true}};
        unsigned where = all_same ? 0 : (unsigned)draw(4);
        like.in[0] = where != 1;
        like.in[1] = where != 2;
        like.known = with_known && draw(3) == 0;
        size_t n = 1 + draw((uint64_t)a->k * 2 + 1);
        for (size_t j = 0; j < n && a->n_people < 16; j++) {
            a->people[a->n_people] = like;
            a->people[a->n_people].number = 1000 + draw(1u << 30) * 64 + a->n_people;
            a->people[a->n_people++].missing = draw(20) == 0;
        }
    }
}

static void find_strata(attack *a)
{
    a->n = 0;
    for (size_t i = 0; i < a->n_people; i++) {
        const person *who = &a->people[i];
        size_t at = 0;
        for (; at < a->n; at++) {
            const stratum *s = &a->strata[at];
            if (s->group == who->group && s->sex == who->sex && s->in[0] == who->in[0] &&
                s->in[1] == who->in[1] && s->known == who->known)
                break;
        }
        if (at == a->n)
            a->strata[a->n++] = (stratum){.group = who->group,
                                          .sex = who->sex,
                                          .in = {who->in[0], who->in[1]},
                                          .known = who->known};
        a->strata[at].people++;
        a->strata[at].called += !who->missing;
    }
    assert_true(a->n <= STRATA_MAX);
}

static void draw_truth(attack *a)
{
    unsigned share = (unsigned)draw(101);
    for (size_t i = 0; i < a->n; i++) {
        kuni_disclosure_counts *c = &a->truth[i];
        *c = (kuni_disclosure_counts){.het = 0};
        unsigned here = draw(4) == 0 ? (unsigned)draw(2) * 100 : share;
        for (int j = 0; j < a->strata[i].called; j++) {
            if (draw(100) >= here)
                c->none++;
            else if (a->with_hom && draw(3) == 0)
                c->hom++;
            else
                c->het++;
        }
    }
}

/* All; groups; sexes; both. */
static bool cell_has(size_t cell, int group, int sex)
{
    if (cell == 0) return true;
    if (cell <= 2) return group == (int)cell - 1;
    if (cell <= 4) return sex == (int)cell - 3;
    return group * 2 + sex == (int)cell - 5;
}

/* --- what kuni does --- */

static void chapter_path(const attack *a, int number, char path[96])
{
    snprintf(path, 96, "%s/%d", a->folder, number);
}

static kuni_disclosure_past *open_past(const attack *a)
{
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_disclosure_audience audience = {.recipient = "acme", .threshold = a->k};
    kuni_disclosure_past *past = NULL;
    assert_int_equal(kuni_disclosure_past_new(&past, &audience, &err), KUNI_OK);
    for (int i = 0; i < a->n_chapters; i++) {
        char path[96];
        chapter_path(a, i, path);
        assert_int_equal(kuni_disclosure_past_read(past, path, &err), KUNI_OK);
    }
    return past;
}

/* Genotypes of those who are known, and no table. */
static void give_genotypes(attack *a)
{
    kuni_error err = KUNI_ERROR_INIT;
    uint64_t numbers[PEOPLE_MAX];
    uint16_t finest[PEOPLE_MAX] = {0};
    uint32_t labels[PEOPLE_MAX], strata[PEOPLE_MAX], people[1] = {0};
    size_t n = 0;
    for (size_t i = 0; i < a->n_people; i++)
        if (a->people[i].known) numbers[n++] = a->people[i].number;
    if (!n) return;
    kuni_disclosure_past *past = open_past(a);
    assert_int_equal(kuni_disclosure_past_people(past, numbers, finest, n, labels, &err), KUNI_OK);
    people[0] = (uint32_t)n;
    const kuni_disclosure_setup setup = {
        .threshold = a->k, .n_strata = 1, .people = people, .past = past, .labels = labels};
    kuni_disclosure *d = NULL;
    assert_int_equal(kuni_disclosure_new(&d, &setup, &err), KUNI_OK);
    memset(strata, 0, sizeof(strata));
    char path[96];
    chapter_path(a, a->n_chapters, path);
    const kuni_buffer nothing = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_disclosure_write(d, numbers, strata, n, true, &nothing, path, &err),
                     KUNI_OK);
    a->n_chapters++;
    kuni_disclosure_free(d);
    kuni_disclosure_past_free(past);
}

/* The people of a release as kuni sees them. */
typedef struct seen {
    uint64_t numbers[PEOPLE_MAX];
    uint32_t labels[PEOPLE_MAX], strata[PEOPLE_MAX];
    size_t who[PEOPLE_MAX]; /* of a->people */
    size_t n;
} seen;

static void choose_people(attack *a, int r, kuni_disclosure_past *past, seen *s)
{
    kuni_error err = KUNI_ERROR_INIT;
    uint16_t finest[PEOPLE_MAX];
    s->n = 0;
    for (size_t i = 0; i < a->n_people; i++) {
        if (!a->people[i].in[r]) continue;
        finest[s->n] = (uint16_t)(a->people[i].group * 2 + a->people[i].sex);
        s->numbers[s->n] = a->people[i].number;
        s->who[s->n++] = i;
    }
    assert_int_equal(kuni_disclosure_past_people(past, s->numbers, finest, s->n, s->labels, &err),
                     KUNI_OK);
    for (size_t i = 0; i < s->n; i++)
        if (s->labels[i] == KUNI_DISCLOSURE_NOT_COUNTED) a->people[s->who[i]].in[r] = false;
}

/* Strata as kuni is given them: group, sex, label. */
typedef struct strata {
    uint32_t people[PEOPLE_MAX], labels[PEOPLE_MAX];
    int group[PEOPLE_MAX], sex[PEOPLE_MAX];
    size_t n;
} strata;

static void group_people(const attack *a, seen *s, strata *t)
{
    t->n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const person *who = &a->people[s->who[i]];
        size_t at = 0;
        s->strata[i] = KUNI_DISCLOSURE_NOT_COUNTED;
        if (s->labels[i] == KUNI_DISCLOSURE_NOT_COUNTED) continue;
        while (at < t->n && (t->group[at] != who->group || t->sex[at] != who->sex ||
                             t->labels[at] != s->labels[i]))
            at++;
        if (at == t->n) {
            t->people[t->n] = 0;
            t->group[t->n] = who->group;
            t->sex[t->n] = who->sex;
            t->labels[t->n++] = s->labels[i];
        }
        t->people[at]++;
        s->strata[i] = (uint32_t)at;
    }
}

static kuni_disclosure *set_up(const attack *a, int r, const strata *t, kuni_disclosure_past *past)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_disclosure *d = NULL;
    uint16_t lists[CELLS_MAX][PEOPLE_MAX];
    kuni_disclosure_cell cells[CELLS_MAX];
    for (size_t c = 0; c < CELLS_MAX; c++) {
        cells[c] = (kuni_disclosure_cell){.strata = lists[c], .identity = c + 16 * (size_t)r};
        for (size_t s = 0; s < t->n; s++)
            if (cell_has(c, t->group[s], t->sex[s])) lists[c][cells[c].n++] = (uint16_t)s;
    }
    bool alone = a->weak == NO_PAST;
    const kuni_disclosure_setup setup = {.threshold = a->k,
                                         .n_strata = t->n,
                                         .people = t->people,
                                         .n_cells = CELLS_MAX,
                                         .cells = cells,
                                         .secret = "not of this test",
                                         .by_chance = a->weak != NO_CHANCE,
                                         .past = alone ? NULL : past,
                                         .labels = alone ? NULL : t->labels};
    assert_int_equal(kuni_disclosure_new(&d, &setup, &err), KUNI_OK);
    return d;
}

/* Each cell by itself. */
static void tell_weakly(const attack *a, release *r)
{
    for (size_t c = 0; c < r->n_cells; c++) {
        int64_t carriers = 0;
        for (size_t s = 0; s < a->n; s++)
            if (r->cells[c][s]) carriers += a->truth[s].het + a->truth[s].hom;
        r->told[c] = carriers == 0 || carriers >= a->k ? KUNI_DISCLOSE_CARRIERS : 0;
    }
}

/* Sums the truth over kuni's strata. */
static void count(const attack *a, int r, const strata *t, const seen *s,
                  kuni_disclosure_counts *counts)
{
    memset(counts, 0, (t->n + 1) * sizeof(*counts));
    bool done[STRATA_MAX] = {false};
    for (size_t i = 0; i < s->n; i++) {
        const person *who = &a->people[s->who[i]];
        if (s->strata[i] == KUNI_DISCLOSURE_NOT_COUNTED) continue;
        for (size_t j = 0; j < a->n; j++) {
            const stratum *u = &a->strata[j];
            if (done[j] || !u->in[r] || u->group != who->group || u->sex != who->sex ||
                u->in[0] != who->in[0] || u->in[1] != who->in[1] || u->known != who->known)
                continue;
            done[j] = true;
            counts[s->strata[i]].het += a->truth[j].het;
            counts[s->strata[i]].hom += a->truth[j].hom;
            counts[s->strata[i]].none += a->truth[j].none;
        }
    }
}

static void decide(attack *a, int r, kuni_disclosure_past *past, seen *s)
{
    kuni_error err = KUNI_ERROR_INIT;
    strata t;
    kuni_disclosure_counts counts[PEOPLE_MAX + 1];
    release *this = &a->releases[r];
    group_people(a, s, &t);
    kuni_disclosure *d = set_up(a, r, &t, past);
    count(a, r, &t, s, counts);
    this->n_cells = CELLS_MAX;
    kuni_disclosure_decide(d, 12345 + random_state, counts, NULL, this->told);
    for (size_t c = 0; c < CELLS_MAX; c++) {
        this->offered[c] = kuni_disclosure_offers(d, c);
        for (size_t j = 0; j < a->n; j++)
            this->cells[c][j] =
                a->strata[j].in[r] && cell_has(c, a->strata[j].group, a->strata[j].sex);
    }
    if (a->weak == NO_COMPLEMENT) tell_weakly(a, this);
    kuni_buffer journal = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_disclosure_note(d, this->told, &journal, &err), KUNI_OK);
    char path[96];
    chapter_path(a, a->n_chapters, path);
    if (a->weak != NO_PAST) {
        assert_int_equal(
            kuni_disclosure_write(d, s->numbers, s->strata, s->n, false, &journal, path, &err),
            KUNI_OK);
        a->n_chapters++;
    }
    kuni_buffer_fini(&journal);
    kuni_disclosure_free(d);
}

/* --- what the attacker does --- */

/* Whether the candidate gives the numbers that were told. */
static bool gives_told(const attack *a, const kuni_disclosure_counts *candidate)
{
    for (int r = 0; r < 2; r++)
        for (size_t c = 0; c < a->releases[r].n_cells; c++) {
            const release *this = &a->releases[r];
            int64_t het = 0, hom = 0;
            if (!this->told[c]) continue;
            for (size_t s = 0; s < a->n; s++)
                if (this->cells[c][s]) {
                    het += candidate[s].het - a->truth[s].het;
                    hom += candidate[s].hom - a->truth[s].hom;
                }
            if (het + hom || (this->told[c] & KUNI_DISCLOSE_CLASSES && het)) return false;
        }
    return true;
}

/* Whether kuni might have hidden of it what it has hidden, and would have told what it has told. */
static bool is_decided_so(const attack *a, int r, const kuni_disclosure_counts *candidate,
                          kuni_atoms atoms[2])
{
    static const kuni_atoms_what what[2] = {KUNI_ATOMS_CARRIERS, KUNI_ATOMS_CLASSES};
    const release *this = &a->releases[r], *before = &a->releases[0];
    int64_t rare = a->k * (CELLS_MAX + 1);
    for (int i = 0; i < 2; i++) {
        kuni_atoms_clear(&atoms[i]);
        for (size_t c = 0; c < before->n_cells && r && a->weak != NO_PAST; c++)
            if (before->told[c] >> i & 1) kuni_atoms_add(&atoms[i], before->cells[c]);
    }
    for (size_t c = 0; c < this->n_cells && (!c || this->told[0]); c++) {
        if (!this->offered[c]) continue;
        for (int i = 0; i < 2; i++) {
            kuni_atoms_step step = kuni_atoms_look(&atoms[i], this->cells[c], candidate, what[i]);
            bool told = this->told[c] >> i & 1;
            bool chance = a->weak != NO_CHANCE && step.splits && step.least_side < rare;
            if (told ? !step.allowed : step.allowed && !chance) return false;
            if (!told) break;
            kuni_atoms_add(&atoms[i], this->cells[c]);
        }
    }
    return true;
}

/* A number of people that the attacker might get to know. */
typedef struct secret {
    unsigned set; /* bits of strata */
    int kind;     /* carriers, het, hom, none */
    int64_t value;
} secret;

static int64_t number_of(const attack *a, const kuni_disclosure_counts *c, unsigned set, int kind)
{
    int64_t sum = 0;
    for (size_t s = 0; s < a->n; s++) {
        if (!(set >> s & 1)) continue;
        sum += kind == 0   ? c[s].het + c[s].hom
               : kind == 1 ? c[s].het
               : kind == 2 ? c[s].hom
                           : c[s].none;
    }
    return sum;
}

static size_t list_secrets(const attack *a, secret *list)
{
    size_t n = 0;
    for (unsigned set = 1; set < 1u << a->n; set++) {
        bool known = false;
        for (size_t s = 0; s < a->n; s++) known |= set >> s & 1 && a->strata[s].known;
        for (int kind = 0; kind < 4 && !known; kind++) {
            int64_t value = number_of(a, a->truth, set, kind);
            if (value > 0 && value < a->k) list[n++] = (secret){set, kind, value};
        }
    }
    return n;
}

/* The next table of a stratum; false: it was the last one, and is the first again. */
static bool next_table(const attack *a, size_t s, kuni_disclosure_counts *c)
{
    int64_t called = a->strata[s].called;
    if (a->strata[s].known) return false;
    if (a->with_hom && c->het + c->hom < called) {
        c->hom++;
        c->none--;
        return true;
    }
    c->hom = 0;
    c->het++;
    c->none = called - c->het;
    if (c->het <= called) return true;
    *c = (kuni_disclosure_counts){.none = called};
    return false;
}

/* What is known of each stratum alone, over all possible truths. */
typedef struct known {
    int64_t least[STRATA_MAX][4], most[STRATA_MAX][4];
} known;

static void learn(const attack *a, const kuni_disclosure_counts *c, known *k)
{
    for (size_t s = 0; s < a->n; s++)
        for (int kind = 0; kind < 4; kind++) {
            int64_t value = number_of(a, c, 1u << s, kind);
            if (value < k->least[s][kind]) k->least[s][kind] = value;
            if (value > k->most[s][kind]) k->most[s][kind] = value;
        }
}

/* Strata in which all are told to be alike, as part of at least k who are: they hide nothing any more. */
static unsigned alike(const attack *a, const known *k, int kind)
{
    unsigned set = 0;
    int64_t n = 0;
    for (size_t s = 0; s < a->n; s++) {
        bool is = kind == 3 ? k->most[s][0] == 0 : k->least[s][kind] == a->strata[s].called;
        set |= (unsigned)is << s;
        n += is ? a->strata[s].called : 0;
    }
    return kind == 3 || n >= a->k ? set : 0;
}

/* Goes through all truths that might be; returns how many secrets are the same in all of them. */
static size_t find_out(const attack *a)
{
    static secret secrets[SETS_MAX * 4];
    kuni_disclosure_counts candidate[STRATA_MAX];
    uint64_t bits[STRATA_MAX];
    const kuni_atoms_people theirs = {
        .n_units = a->n, .n_audiences = 2, .known = bits, .threshold = a->k};
    for (size_t s = 0; s < a->n; s++) bits[s] = a->strata[s].known ? 2 : 0;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_atoms atoms[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(kuni_atoms_init(&atoms[i], &theirs, &err), KUNI_OK);
    size_t n = list_secrets(a, secrets), found = 0;
    bool knows_rules = a->weak == SOUND || a->weak == NO_CHANCE;
    known k;
    for (size_t s = 0; s < a->n; s++) {
        candidate[s] = (kuni_disclosure_counts){.none = a->strata[s].called};
        if (a->strata[s].known) candidate[s] = a->truth[s];
        for (int kind = 0; kind < 4; kind++) {
            k.least[s][kind] = INT64_MAX;
            k.most[s][kind] = 0;
        }
    }
    if (knows_rules)
        for (int r = 0; r < 2; r++) assert_true(is_decided_so(a, r, a->truth, atoms));
    for (size_t at = 0; n && at < a->n;) {
        if (gives_told(a, candidate) && (!knows_rules || (is_decided_so(a, 0, candidate, atoms) &&
                                                          is_decided_so(a, 1, candidate, atoms)))) {
            size_t left = 0;
            for (size_t i = 0; i < n; i++)
                if (number_of(a, candidate, secrets[i].set, secrets[i].kind) == secrets[i].value)
                    secrets[left++] = secrets[i];
            n = left;
            learn(a, candidate, &k);
        }
        for (at = 0; at < a->n && !next_table(a, at, &candidate[at]);) at++;
    }
    for (size_t i = 0; i < n; i++) found += !(secrets[i].set & alike(a, &k, secrets[i].kind));
    for (int i = 0; i < 2; i++) kuni_atoms_fini(&atoms[i]);
    return found;
}

/* --- */

/* A world, its two releases, and what the attacker gets to know; *told counts cells that were. */
static size_t attack_one(attack *a, size_t *told)
{
    seen who[2];
    a->n_chapters = 0;
    make_people(a);
    give_genotypes(a);
    kuni_disclosure_past *past = open_past(a);
    choose_people(a, 0, past, &who[0]);
    /* Who is counted in the second release hangs on a first chapter, which has no alleles yet. */
    attack rehearsal = *a;
    find_strata(&rehearsal);
    memset(rehearsal.truth, 0, sizeof(rehearsal.truth));
    decide(&rehearsal, 0, past, &who[0]);
    kuni_disclosure_past_free(past);
    past = open_past(&rehearsal);
    attack waiting = *a;
    choose_people(&waiting, 1, past, &who[1]);
    memcpy(a->people, waiting.people, sizeof(a->people));
    kuni_disclosure_past_free(past);
    find_strata(a);
    draw_truth(a);
    uint64_t allele = random_state; /* both releases are about one allele */
    past = open_past(a);
    choose_people(a, 0, past, &who[0]);
    decide(a, 0, past, &who[0]);
    kuni_disclosure_past_free(past);
    past = open_past(a);
    attack again = *a;
    choose_people(&again, 1, past, &who[1]);
    random_state = allele;
    decide(a, 1, past, &who[1]);
    kuni_disclosure_past_free(past);
    for (int r = 0; r < 2; r++)
        for (size_t c = 0; c < CELLS_MAX; c++) *told += a->releases[r].told[c] != 0;
    return find_out(a);
}

typedef struct outcome {
    size_t broken, told;
} outcome;

static outcome attack_many(weakness weak, size_t n)
{
    outcome o = {0};
    attack *a = calloc(1, sizeof(*a));
    assert_non_null(a);
    /* Thousands of small files, each flushed: in memory where there is some. */
    strcpy(a->folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/kuni-attack-XXXXXX"
                                                    : "/tmp/kuni-attack-XXXXXX");
    assert_non_null(mkdtemp(a->folder));
    random_state = 2026;
    for (size_t i = 0; i < n; i++) {
        a->weak = weak;
        a->k = 3 + (int64_t)draw(2);
        a->with_hom = draw(2);
        size_t found = attack_one(a, &o.told);
        o.broken += found > 0;
        if (found && weak == SOUND) {
            print_message("table %zu, k %d: %zu numbers are known\n", i, (int)a->k, found);
            for (size_t s = 0; s < a->n; s++)
                print_message(
                    "  stratum %d %d in %d %d known %d: %d people, %d called, het %d hom %d\n",
                    a->strata[s].group, a->strata[s].sex, a->strata[s].in[0], a->strata[s].in[1],
                    a->strata[s].known, a->strata[s].people, a->strata[s].called,
                    (int)a->truth[s].het, (int)a->truth[s].hom);
            for (int r = 0; r < 2; r++)
                for (size_t c = 0; c < CELLS_MAX; c++)
                    print_message("%s%d%s", c ? " " : "  told ", a->releases[r].told[c],
                                  c + 1 < CELLS_MAX ? "" : "\n");
        }
    }
    char path[96];
    for (int i = 0; i < 4; i++) {
        chapter_path(a, i, path);
        (void)unlink(path);
    }
    (void)rmdir(a->folder);
    free(a);
    return o;
}

static void test_nothing_is_found(void **state)
{
    (void)state;
    outcome o = attack_many(SOUND, 500);
    print_message("%zu cells are told\n", o.told);
    assert_int_equal(o.broken, 0);
    assert_true(o.told > 500);
}

static void test_weak_rules_are_broken(void **state)
{
    (void)state;
    static const char *const names[] = {[NO_COMPLEMENT] = "each cell by itself",
                                        [NO_PAST] = "no earlier release",
                                        [NO_CHANCE] = "nothing is left to chance"};
    for (weakness weak = NO_COMPLEMENT; weak <= NO_CHANCE; weak++) {
        outcome o = attack_many(weak, 500);
        print_message("%s: broken in %zu of 500\n", names[weak], o.broken);
        assert_true(o.broken > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_found),
                                       cmocka_unit_test(test_weak_rules_are_broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
