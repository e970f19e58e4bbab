#include "lives_calls.h"

/* One call: in which registry, and its record. */
struct call {
    struct lives_hands *hands;
    unsigned of; /* registry */
    struct lives_op op;
};

static const char *const families[LIVES_REGISTRIES][LIVES_VECS] = {{"c0", "c1"}, {"p0", "p1"}};
static const char *const owners[LIVES_OF_VEC] = {"x", "x", "y"};
static const char *const steps[LIVES_OF_VEC] = {"build", "clone", "push"};

#define OTHER "other"

static cprom_registry *registry_of_call(const struct call *call)
{
    return call->hands->round->fixtures[call->of]->registry;
}

static const struct lives_vec_of_round *vec_of(const struct call *call, unsigned key)
{
    return &call->hands->round->vecs[call->of][key / LIVES_OF_VEC];
}

static const struct lives_vec *shape_of(const struct call *call, unsigned key)
{
    return &call->hands->round->lives[call->of].vecs[key / LIVES_OF_VEC];
}

/* `v` has room for both label values. */
static cprom_strs values_of(const struct call *call, unsigned key, const char **v)
{
    unsigned i = key % LIVES_OF_VEC;
    bool other = shape_of(call, key)->folds && i == LIVES_OF_VEC - 1;
    v[0] = other ? OTHER : owners[i];
    v[1] = other ? OTHER : steps[i];
    return (cprom_strs){v, 2};
}

static uint8_t bit(unsigned key) { return (uint8_t)(1u << key); }

static struct call begin_call(struct lives_hands *hands, enum lives_kind kind)
{
    struct call call = {.hands = hands, .of = hands->round->second ? st_below(LIVES_REGISTRIES) : 0};
    call.op.kind = kind;
    call.op.thread = hands->number;
    call.op.answer = (struct lives_answer){LIVES_UNKNOWN, LIVES_UNKNOWN, LIVES_UNKNOWN, LIVES_UNKNOWN, LIVES_UNKNOWN};
    return call;
}

static void begins(struct call *call)
{
    struct lives_round *round = call->hands->round;
    call->op.begin = lives_now(&round->clock);
    if (round->wishes.serial) pthread_mutex_lock(&round->serial);
}

static void ends(struct call *call)
{
    struct lives_round *round = call->hands->round;
    if (round->wishes.serial) pthread_mutex_unlock(&round->serial);
    call->op.end = lives_now(&round->clock);
}

static void keep(const struct call *call) { lives_add(&call->hands->round->lives[call->of], &call->op); }

static int32_t some_value(void) { return (int32_t)(1 + st_below(1000000)); }

/*------------------------------------------------------------------------------
 * Single series
 *----------------------------------------------------------------------------*/

static void update(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_ADD);
    const char *v[2];
    cprom_status status;
    call.op.key = st_below(LIVES_KEYS);
    call.op.value = some_value();
    const struct lives_vec_of_round *vec = vec_of(&call, call.op.key);
    cprom_strs values = values_of(&call, call.op.key, v);
    if (!vec->counts && st_one_in(2)) call.op.kind = LIVES_SET;
    begins(&call);
    if (vec->counts) status = cprom_counter_vec_add((cprom_counter_vec *)vec->vec, values, call.op.value);
    else if (call.op.kind == LIVES_ADD)
        status = cprom_gauge_vec_add((cprom_gauge_vec *)vec->vec, values, call.op.value);
    else status = cprom_gauge_vec_set((cprom_gauge_vec *)vec->vec, values, call.op.value);
    ends(&call);
    st_check(!status || status == CPROM_ELIMIT, "an update: %s", cprom_status_string(status));
    call.op.answer.done = !status;
    keep(&call);
}

static void let_go(struct lives_hands *hands, unsigned of, unsigned handle)
{
    struct call call = begin_call(hands, LIVES_LET_GO);
    call.of = of;
    call.op.handle = handle;
    call.op.key = hands->of[of].key[handle];
    if (!hands->of[of].series[handle]) return;
    begins(&call);
    cprom_series_unref(hands->of[of].series[handle]);
    ends(&call);
    hands->of[of].series[handle] = NULL;
    keep(&call);
}

static void hold(struct lives_hands *hands, unsigned of, unsigned handle)
{
    struct call call = begin_call(hands, LIVES_HOLD);
    const char *v[2];
    call.of = of;
    call.op.handle = handle;
    call.op.key = st_below(LIVES_KEYS);
    cprom_strs values = values_of(&call, call.op.key, v);
    let_go(hands, of, handle);
    begins(&call);
    cprom_series *series = cprom_vec_with(vec_of(&call, call.op.key)->vec, values);
    ends(&call);
    hands->of[of].series[handle] = series;
    hands->of[of].key[handle] = call.op.key;
    call.op.answer.done = series != NULL;
    keep(&call);
}

static void use_handle(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_ADD_HELD);
    unsigned handle = st_below(LIVES_HANDLES);
    cprom_series *series = hands->of[call.of].series[handle];
    if (!series || st_one_in(4)) {
        hold(hands, call.of, handle);
        return;
    }
    if (st_one_in(6)) {
        let_go(hands, call.of, handle);
        return;
    }
    call.op.handle = handle;
    call.op.key = hands->of[call.of].key[handle];
    call.op.value = some_value();
    const struct lives_vec_of_round *vec = vec_of(&call, call.op.key);
    if (!vec->counts && st_one_in(2)) call.op.kind = LIVES_SET_HELD;
    begins(&call);
    if (vec->counts) cprom_counter_add((cprom_counter *)series, call.op.value);
    else if (call.op.kind == LIVES_ADD_HELD) cprom_gauge_add((cprom_gauge *)series, call.op.value);
    else cprom_gauge_set((cprom_gauge *)series, call.op.value);
    ends(&call);
    keep(&call);
}

static void get(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_GET);
    const char *v[2];
    double got;
    call.op.key = st_below(LIVES_KEYS);
    const struct lives_vec_of_round *vec = vec_of(&call, call.op.key);
    cprom_strs values = values_of(&call, call.op.key, v);
    begins(&call);
    cprom_status status = vec->counts ? cprom_counter_vec_get((cprom_counter_vec *)vec->vec, values, &got)
                                      : cprom_gauge_vec_get((cprom_gauge_vec *)vec->vec, values, &got);
    ends(&call);
    st_check(!status || status == CPROM_ENOENT, "a get: %s", cprom_status_string(status));
    call.op.value = status ? LIVES_ABSENT : (int32_t)got;
    keep(&call);
}

static void delete_one(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_DELETE);
    const char *v[2];
    call.op.key = st_below(LIVES_KEYS);
    cprom_strs values = values_of(&call, call.op.key, v);
    begins(&call);
    cprom_status status = cprom_vec_delete(vec_of(&call, call.op.key)->vec, values);
    ends(&call);
    st_check(!status || status == CPROM_ENOENT, "a deletion: %s", cprom_status_string(status));
    call.op.answer.done = !status;
    keep(&call);
}

static void single(struct lives_hands *hands)
{
    switch (st_below(hands->round->wishes.handles == LIVES_NEVER ? 5 : 7)) {
    case 0:
    case 1: update(hands); break;
    case 2:
    case 3: delete_one(hands); break;
    case 4: get(hands); break;
    default: use_handle(hands); break;
    }
}

/*------------------------------------------------------------------------------
 * Changes
 *----------------------------------------------------------------------------*/

/* The pair of a match, and which series of a vector it takes; NULL: all. */
struct match {
    const char *name, *value;
};

static const struct match matches[] = {{"owner", "x"}, {"owner", "x"}, {"owner", "y"}, {"step", "clone"}};

static bool takes(const struct call *call, const struct match *match, unsigned key)
{
    const char *v[2];
    values_of(call, key, v);
    return !match->name || strcmp(v[strcmp(match->name, "owner") != 0], match->value) == 0;
}

/* What the match takes in the vectors (a bit each) is in the scope, and is removed. */
static void scope(struct call *call, const struct match *match, unsigned vecs)
{
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (!(vecs >> key / LIVES_OF_VEC & 1) || !takes(call, match, key)) continue;
        call->op.scope |= bit(key);
        call->op.effects[key] = LIVES_REMOVES;
    }
}

static cprom_labels labels_of(const struct match *match, cprom_label *label)
{
    *label = (cprom_label){match->name, match->value};
    return (cprom_labels){label, match->name ? 1 : 0};
}

static cprom_status stage(struct call *call, cprom_update *change, unsigned key)
{
    const char *v[2];
    cprom_strs values = values_of(call, key, v);
    const struct lives_vec_of_round *vec = vec_of(call, key);
    bool adds = vec->counts || st_one_in(2);
    call->op.effects[key] = adds ? LIVES_ADDS : LIVES_SETS;
    call->op.values[key] = some_value();
    if (vec->counts)
        return cprom_update_counter_vec_add(change, (cprom_counter_vec *)vec->vec, values, call->op.values[key]);
    return (adds ? cprom_update_gauge_vec_add : cprom_update_gauge_vec_set)(change, (cprom_gauge_vec *)vec->vec, values,
                                                                            call->op.values[key]);
}

static void answers(struct call *call, const cprom_result *result)
{
    call->op.answer.created = (int)result->created;
    call->op.answer.updated = (int)result->updated;
    call->op.answer.removed = (int)result->removed;
    call->op.answer.refused = (int)result->refused;
}

/* It was stale: what adds up, and is not in its own scopes, may have counted. */
static void leave_what_may_add(struct call *call)
{
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        bool adds = call->op.effects[key] == LIVES_ADDS;
        adds = adds && (vec_of(call, key)->counts || !(call->op.scope & bit(key)));
        call->op.effects[key] = adds ? LIVES_MAY_ADD : LIVES_NONE;
    }
    call->op.scope = 0;
}

static void commit(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_CHANGE);
    struct match match = matches[st_below(COUNT(matches))];
    cprom_update *change;
    cprom_result result;
    cprom_label label;
    unsigned scoped = st_one_in(2) ? 1 + st_below(3) : 0;
    if (st_one_in(8)) match.name = NULL;
    begins(&call);
    st_check(cprom_update_new(registry_of_call(&call), &change) == CPROM_OK, "cprom_update_new");
    for (unsigned i = 0; i < LIVES_VECS; i++) {
        if (!(scoped >> i & 1)) continue;
        /* What is folded lies in no scope: whether the other series is used is known in the gate only. */
        struct match of_vec = match;
        if (!of_vec.name && shape_of(&call, i * LIVES_OF_VEC)->folds) of_vec = matches[0];
        scope(&call, &of_vec, 1u << i);
        st_check(cprom_update_vec_replace(change, hands->round->vecs[call.of][i].vec, labels_of(&of_vec, &label)) ==
                     CPROM_OK,
                 "a scope");
    }
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        bool other = shape_of(&call, key)->folds && key % LIVES_OF_VEC == LIVES_OF_VEC - 1;
        if (!other && st_one_in(2)) st_check(stage(&call, change, key) == CPROM_OK, "a staged update");
    }
    cprom_status status = cprom_update_commit(change, &result);
    ends(&call);
    cprom_update_free(change);
    st_check(!status || status == CPROM_ESTALE || status == CPROM_EPARTIAL, "cprom_update_commit: %s",
             cprom_status_string(status));
    answers(&call, &result);
    if (status == CPROM_ESTALE) leave_what_may_add(&call);
    keep(&call);
}

static void replace(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_CHANGE);
    struct match match = matches[st_below(COUNT(matches))];
    cprom_gauge_row rows[LIVES_OF_VEC];
    const char *v[LIVES_OF_VEC][2];
    cprom_result result;
    cprom_label label;
    unsigned i = st_below(LIVES_VECS), n = 0;
    if (hands->round->vecs[call.of][i].counts) i = 0; /* the first is a gauge */
    if (st_one_in(8)) match.name = NULL;
    scope(&call, &match, 1u << i);
    for (unsigned key = i * LIVES_OF_VEC; key < (i + 1) * LIVES_OF_VEC; key++) {
        if (st_one_in(2)) continue;
        call.op.effects[key] = LIVES_SETS;
        call.op.values[key] = some_value();
        rows[n].values = values_of(&call, key, v[n]);
        rows[n++].value = call.op.values[key];
    }
    begins(&call);
    cprom_status status = cprom_gauge_vec_replace((cprom_gauge_vec *)hands->round->vecs[call.of][i].vec,
                                                  labels_of(&match, &label), rows, n, &result);
    ends(&call);
    st_check(!status || status == CPROM_EPARTIAL, "cprom_gauge_vec_replace: %s", cprom_status_string(status));
    answers(&call, &result);
    keep(&call);
}

static void remove_many(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_CHANGE);
    struct match match = matches[st_below(COUNT(matches))];
    cprom_label label;
    unsigned i = st_below(LIVES_VECS + 1);
    bool everywhere = i == LIVES_VECS, all = !everywhere && st_one_in(3);
    cprom_status status;
    size_t n = 0;
    if (all) match.name = NULL;
    scope(&call, &match, everywhere ? 3 : 1u << i);
    call.op.lingers = !all;
    begins(&call);
    if (everywhere) status = cprom_registry_delete_matching(registry_of_call(&call), labels_of(&match, &label), &n);
    else if (all) status = cprom_vec_clear(hands->round->vecs[call.of][i].vec);
    else status = cprom_vec_delete_matching(hands->round->vecs[call.of][i].vec, labels_of(&match, &label), &n);
    ends(&call);
    st_check(!status, "a removal: %s", cprom_status_string(status));
    if (!all) call.op.answer.removed = (int)n;
    keep(&call);
}

static void change(struct lives_hands *hands)
{
    switch (st_below(4)) {
    case 0:
    case 1: commit(hands); break;
    case 2: replace(hands); break;
    default: remove_many(hands); break;
    }
}

static void mark_or_sweep(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_MARK);
    cprom_mark *mark = &hands->of[call.of].mark;
    struct match match = matches[st_below(COUNT(matches))];
    cprom_label label;
    unsigned i = st_below(LIVES_VECS + 2);
    bool everywhere = i >= LIVES_VECS;
    size_t n;
    if (!mark->epoch) {
        begins(&call);
        *mark = cprom_registry_mark(registry_of_call(&call));
        ends(&call);
        keep(&call);
        return;
    }
    call.op.kind = LIVES_SWEEP;
    call.op.lingers = true;
    scope(&call, &match, everywhere ? 3 : 1u << i);
    begins(&call);
    cprom_status status =
        everywhere ? cprom_registry_sweep(registry_of_call(&call), labels_of(&match, &label), *mark, &n)
                   : cprom_vec_sweep(hands->round->vecs[call.of][i].vec, labels_of(&match, &label), *mark, &n);
    ends(&call);
    st_check(!status, "a sweep: %s", cprom_status_string(status));
    call.op.answer.removed = (int)n;
    keep(&call);
    if (st_one_in(2)) mark->epoch = 0;
}

static void tick(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_TICK);
    begins(&call);
    ct_clock_advance(&hands->round->fixtures[call.of]->clock, 10 * SECOND);
    ends(&call);
    keep(&call);
}

/*------------------------------------------------------------------------------
 * Reading
 *----------------------------------------------------------------------------*/

static void size(struct lives_hands *hands)
{
    struct call call = begin_call(hands, LIVES_SIZE);
    unsigned i = st_below(LIVES_VECS);
    call.op.scope = (uint8_t)(((1u << LIVES_OF_VEC) - 1) << i * LIVES_OF_VEC);
    begins(&call);
    call.op.answer.done = (int)cprom_vec_size(hands->round->vecs[call.of][i].vec);
    ends(&call);
    keep(&call);
}

static void all_absent(struct call *call)
{
    for (unsigned key = 0; key < LIVES_KEYS; key++) call->op.values[key] = LIVES_ABSENT;
}

static void shows(struct call *call, unsigned i, const char *owner, const char *step, double value)
{
    const char *v[2];
    unsigned key = i * LIVES_OF_VEC;
    for (; key < (i + 1) * LIVES_OF_VEC; key++) {
        values_of(call, key, v);
        if (strcmp(v[0], owner) == 0 && strcmp(v[1], step) == 0) break;
    }
    st_check(key < (i + 1) * LIVES_OF_VEC, "a series that nobody made: %s %s", owner, step);
    st_check(call->op.values[key] == LIVES_ABSENT, "a series is shown twice: %s %s", owner, step);
    call->op.values[key] = (int32_t)value;
}

/* A page of the child, or of the parent with the child on it; perhaps of one family only. */
static void page(struct lives_hands *hands)
{
    struct call calls[LIVES_REGISTRIES];
    struct call first = begin_call(hands, LIVES_PAGE);
    unsigned n = 0;
    unsigned only_of = st_below(LIVES_REGISTRIES), only = st_below(LIVES_VECS);
    bool filtered = st_one_in(3);
    for (unsigned of = 0; of <= first.of; of++) {
        if (filtered && of != only_of) continue;
        calls[n] = first;
        calls[n].of = of;
        all_absent(&calls[n]);
        for (unsigned i = 0; i < LIVES_VECS; i++) {
            if (!filtered || i == only) calls[n].op.scope |= (uint8_t)(((1u << LIVES_OF_VEC) - 1) << i * LIVES_OF_VEC);
        }
        n++;
    }
    const char *name = families[only_of][only];
    cprom_page *open;
    cprom_page_opts opts = CPROM_INIT(cprom_page_opts);
    opts.names = &name;
    opts.n_names = filtered;
    begins(&first);
    cprom_status status = cprom_page_open(registry_of_call(&first), &opts, &open);
    ends(&first);
    st_check(!status, "cprom_page_open: %s", cprom_status_string(status));
    if (st_one_in(4)) st_yields(1 + st_below(3));
    ct_page text = st_drain(open);
    cprom_page_close(open);
    for (size_t i = 0; i < text.parsed->n_samples; i++) {
        const parser_sample *sample = &text.parsed->samples[i];
        unsigned of = sample->name[0] == 'p', k = 0;
        while (k < n && calls[k].of != of) k++;
        st_check(k < n, "a family that was not asked for: %s", sample->key);
        shows(&calls[k], sample->name[1] == '1', parser_label_value(sample, "owner"),
              parser_label_value(sample, "step"), sample->value);
    }
    ct_page_free(&text);
    for (unsigned k = 0; k < n; k++) {
        calls[k].op.begin = first.op.begin;
        calls[k].op.end = first.op.end;
        keep(&calls[k]);
    }
}

struct iteration {
    struct call call;
    unsigned i;
    bool writes; /* between the series */
};

static bool show_one(void *ctx, const cprom_view *view)
{
    struct iteration *iteration = ctx;
    bool serial = iteration->call.hands->round->wishes.serial;
    if (!iteration->call.op.end && !serial) ends(&iteration->call); /* the snapshot is taken */
    shows(&iteration->call, iteration->i, view->values.v[0], view->values.v[1], view->value);
    if (iteration->writes) single(iteration->call.hands);
    return true;
}

static void each(struct lives_hands *hands)
{
    struct iteration iteration = {.call = begin_call(hands, LIVES_EACH), .i = st_below(LIVES_VECS)};
    iteration.writes =
        hands->number < LIVES_WRITERS && hands->round->wishes.singles != LIVES_NEVER && !hands->round->wishes.serial;
    all_absent(&iteration.call);
    iteration.call.op.scope = (uint8_t)(((1u << LIVES_OF_VEC) - 1) << iteration.i * LIVES_OF_VEC);
    begins(&iteration.call);
    cprom_status status = cprom_vec_each(hands->round->vecs[iteration.call.of][iteration.i].vec, show_one, &iteration);
    if (!iteration.call.op.end) ends(&iteration.call);
    st_check(!status, "cprom_vec_each: %s", cprom_status_string(status));
    keep(&iteration.call);
}

/*------------------------------------------------------------------------------
 * At random
 *----------------------------------------------------------------------------*/

void lives_write_call(struct lives_hands *hands)
{
    const struct lives_wishes *wishes = &hands->round->wishes;
    if (hands->round->marks && st_one_in(6)) mark_or_sweep(hands);
    else if (hands->round->ticks && st_one_in(20)) tick(hands);
    else if (wishes->singles != LIVES_NEVER && st_one_in(16)) each(hands);
    else if (wishes->singles != LIVES_NEVER && (wishes->changes == LIVES_NEVER || !st_one_in(4))) single(hands);
    else if (wishes->changes != LIVES_NEVER) change(hands);
    else get(hands);
    if (st_one_in(32)) cprom_registry_trim(hands->round->fixtures[0]->registry);
}

void lives_read_call(struct lives_hands *hands)
{
    switch (st_below(6)) {
    case 0: size(hands); break;
    case 1: each(hands); break;
    case 2: get(hands); break;
    default: page(hands); break;
    }
}

void lives_let_go(struct lives_hands *hands)
{
    for (unsigned of = 0; of < LIVES_REGISTRIES; of++) {
        for (unsigned i = 0; i < LIVES_HANDLES; i++) let_go(hands, of, i);
    }
}
