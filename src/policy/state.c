/* state.c - whose turn it is, across snapshots. */
#include "policy/state.h"

#include "base/arena.h"
#include "base/panic.h"
#include "base/table.h"

struct policy_state {
    struct arena arena;
    struct table turns; // struct turn_key -> struct turn
};

/* Both of one width, so that there is no padding to hash. */
struct turn_key {
    int64_t type, id;
};

struct turn {
    struct turn_key key;
    atomic_uint count;
};

struct policy_state *policy_state_new(void)
{
    struct policy_state *state = calloc(1, sizeof(*state));

    if (!state)
        panic("out of memory: policy state");
    arena_init(&state->arena, 0);
    table_init(&state->turns, 0); // ids are ours: nobody else chooses them
    return state;
}

void policy_state_free(struct policy_state *state)
{
    if (!state)
        return;
    table_release(&state->turns);
    arena_release(&state->arena);
    free(state);
}

atomic_uint *policy_state_turn(struct policy_state *state, enum row_type type, int64_t id)
{
    struct turn_key key = {(int64_t)type, id};
    struct turn *turn = table_get(&state->turns, slice_of((const char *)&key, sizeof(key)));

    if (!turn) {
        turn = arena_new(&state->arena, struct turn);
        turn->key = key;
        table_put(&state->turns, slice_of((const char *)&turn->key, sizeof(turn->key)), turn);
    }
    return &turn->count;
}
