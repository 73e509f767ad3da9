/* account_meter.c - what a rate limit counts. */
#include "policy/account_inside.h"

static bool is_of_tokens(enum limit_figure f)
{
    return f == FIGURE_TPM || f == FIGURE_TPD;
}

static int64_t clamp(int128 n)
{
    return n > INT64_MAX ? INT64_MAX : n < 0 ? 0 : (int64_t)n;
}

int64_t meter_used(struct meter *m, enum limit_figure f, int64_t now_ms)
{
    if (f == FIGURE_CONCURRENT)
        return m->running;
    return clamp((int128)window_sum(m->windows[f], now_ms) +
                 (is_of_tokens(f) ? m->held_tokens : 0));
}

/* Tokens that are held make way at a time that nobody knows. */
static int64_t wait_for(const struct rate_limit *l, enum limit_figure f, int64_t want,
                        int64_t now_ms)
{
    int128 most = (int128)l->figures[f] - want;

    if (most < 0)
        return WAIT_NEVER;
    if (f == FIGURE_CONCURRENT)
        return 0;
    if (is_of_tokens(f))
        most -= l->meter->held_tokens;
    return most < 0 ? 0 : window_wait_ms(l->meter->windows[f], now_ms, (int64_t)most);
}

/* Those from `first` to before `end`. */
static void check_figures(const struct held_meter *h, int first, int end, int64_t now_ms,
                          struct refusal *why)
{
    const struct rate_limit *l = h->limit;

    for (int i = first; i < end; i++) {
        enum limit_figure f = (enum limit_figure)i;
        int64_t want = is_of_tokens(f) ? h->tokens : 1, wait_ms;
        if (l->figures[f] < 0 ||
            (want <= l->figures[f] && meter_used(l->meter, f, now_ms) <= l->figures[f] - want))
            continue;
        wait_ms = wait_for(l, f, want, now_ms);
        if (!why->is_set || wait_ms > why->wait_ms)
            *why = (struct refusal){
                .is_set = true,
                .kind = (enum limit_kind)f,
                .subject = h->subject,
                .limit = l,
                .wait_ms = wait_ms,
            };
    }
}

void meter_check(const struct held_meter *h, int64_t now_ms, struct refusal *why)
{
    check_figures(h, 0, FIGURE_COUNT, now_ms, why);
}

void meter_check_raise(const struct held_meter *h, int64_t tokens, int64_t now_ms,
                       struct refusal *why)
{
    struct held_meter raised = *h;

    raised.tokens = tokens;
    h->limit->meter->held_tokens -= h->tokens;
    check_figures(&raised, FIGURE_TPM, FIGURE_TPD + 1, now_ms, why);
    h->limit->meter->held_tokens += h->tokens;
}

void meter_raise(struct held_meter *h, int64_t tokens)
{
    h->limit->meter->held_tokens += tokens - h->tokens;
    h->tokens = tokens;
}

void meter_hold(struct held_meter *h, int64_t now_ms)
{
    struct meter *m = h->limit->meter;

    for (int f = FIGURE_RPM; f <= FIGURE_RPD; f++)
        h->buckets[f] = m->windows[f] ? window_add(m->windows[f], now_ms, 1) : INT64_MIN;
    m->held_tokens += h->tokens;
    m->running++;
}

static void let_go(const struct held_meter *h)
{
    h->limit->meter->held_tokens -= h->tokens;
    h->limit->meter->running--;
}

void meter_settle(const struct held_meter *h, int64_t tokens, int64_t now_ms)
{
    struct meter *m = h->limit->meter;

    let_go(h);
    for (int f = FIGURE_TPM; f <= FIGURE_TPD; f++) {
        if (m->windows[f])
            window_add(m->windows[f], now_ms, tokens);
    }
}

/* A window that was not there yet when the request was counted has nothing to give back. */
void meter_release(const struct held_meter *h, int64_t now_ms)
{
    struct meter *m = h->limit->meter;

    let_go(h);
    for (int f = FIGURE_RPM; f <= FIGURE_RPD; f++) {
        if (m->windows[f] && h->buckets[f] != INT64_MIN)
            window_take_back(m->windows[f], h->buckets[f], now_ms, 1);
    }
}

/* The tightest limit so far, by the share of it that is left. */
struct tightest {
    struct meter *meter;
    enum limit_figure figure;
    int64_t limit, left; // limit of -1: none so far
};

static void tighten(struct tightest *t, const struct rate_limit *l, enum limit_figure f,
                    int64_t now_ms)
{
    int64_t used, left;

    if (l->figures[f] < 0)
        return;
    used = meter_used(l->meter, f, now_ms);
    left = used < l->figures[f] ? l->figures[f] - used : 0;
    if (t->limit < 0 || (t->limit > 0 && l->figures[f] == 0) ||
        (int128)left * t->limit < (int128)t->left * l->figures[f])
        *t = (struct tightest){l->meter, f, l->figures[f], left};
}

/* Tokens that are held are free again a whole span after they are settled, at the soonest. */
static int64_t reset_ms(const struct tightest *t, int64_t now_ms)
{
    struct window *w;

    if (t->limit < 0)
        return 0;
    w = t->meter->windows[t->figure];
    if (is_of_tokens(t->figure) && t->meter->held_tokens > 0)
        return WINDOW_SLOTS * w->width_ms;
    return window_free_ms(w, now_ms);
}

struct rate_status meter_status(const struct held_meter *list, int64_t now_ms)
{
    struct tightest requests = {.limit = -1}, tokens = {.limit = -1};

    for (const struct held_meter *h = list; h; h = h->next) {
        tighten(&requests, h->limit, FIGURE_RPM, now_ms);
        tighten(&requests, h->limit, FIGURE_RPD, now_ms);
        tighten(&tokens, h->limit, FIGURE_TPM, now_ms);
        tighten(&tokens, h->limit, FIGURE_TPD, now_ms);
    }
    return (struct rate_status){
        .limit_requests = requests.limit,
        .left_requests = requests.left,
        .reset_requests_ms = reset_ms(&requests, now_ms),
        .limit_tokens = tokens.limit,
        .left_tokens = tokens.left,
        .reset_tokens_ms = reset_ms(&tokens, now_ms),
    };
}
