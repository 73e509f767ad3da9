/* account_test.c - every limit and quota: what passes, what does not, and what is said. */
#include "policy/account_test_kit.h"

#define SLOTS 4
#define STEPS 12

static const char noon[] = "2026-11-27T12:00:00Z"; // a Friday; time 0 of the steps

enum op { END, RESERVE, EXTEND, SETTLE, RELEASE };

struct step {
    enum op op;
    int slot;
    int64_t at_ms, key_id;
    const char *names;
    int64_t tokens, nusd;
    const char *says; // "429 1000 text": status, retry-after, text; "": nothing
};

static const struct {
    const char *why, *rows;
    struct step steps[STEPS];
} cases[] = {
#include "policy/account_test.def"
};

static void take_step(struct world *w, struct reservation *slots, const struct step *step,
                      char out[ERR_TEXT_BYTES + 64])
{
    struct reservation *r = &slots[step->slot];
    struct err_info e = {0};
    struct reserve_ask ask;
    enum err err = ERR_NONE;

    if (step->op == RESERVE || step->op == EXTEND) {
        ask = world_ask(w, step->key_id, step->names);
        ask.tokens = step->tokens;
        ask.cost_nusd = step->nusd;
        ask.now_ms = step->at_ms;
        ask.now_unix_ms = unix_ms(noon) + step->at_ms;
        if (step->op == RESERVE)
            *r = (struct reservation){.is_held = false};
        err = step->op == RESERVE ? account_reserve(r, &ask, &w->a, &e)
                                  : account_extend(r, &ask, &w->a, &e);
        assert_int_equal(err, e.code);
    } else if (step->op == SETTLE) {
        account_settle(r, step->tokens, step->nusd, step->at_ms, unix_ms(noon) + step->at_ms);
    } else {
        account_release(r, step->at_ms);
    }
    out[0] = '\0';
    if (err)
        snprintf(out, ERR_TEXT_BYTES + 64, "%d %lld %s", err_http_status(err),
                 (long long)e.retry_after_ms, e.text);
}

static void test_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reservation slots[SLOTS] = {{.is_held = false}};
        struct world w = world_new(cases[i].rows);

        for (int s = 0; s < STEPS && cases[i].steps[s].op != END; s++) {
            char said[ERR_TEXT_BYTES + 64];
            take_step(&w, slots, &cases[i].steps[s], said);
            if (strcmp(said, cases[i].steps[s].says) != 0)
                fail_msg("%s, step %d: %s", cases[i].why, s + 1, said);
        }
        world_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
