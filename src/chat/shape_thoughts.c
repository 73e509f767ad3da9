/* shape_thoughts.c - the history's reasoning, for one upstream (protocols/mapping.md 2.9). */
#include "base/array.h"
#include "chat/shape_inside.h"

/* Gemini's way to say that the call was not made by it; documented, at some cost in quality. */
#define NOT_MINE SLICE("skip_thought_signature_validator")

static bool is_usable(const struct chat_item *item, const struct chat_target *t)
{
    const struct chat_reasoning *v = &item->reasoning;

    if (item->kind != CHAT_REASONING || !v->secret.len || t->drop_reasoning ||
        v->vendor != chat_target_vendor(t))
        return false;
    return !chat_model_has(t->gates, TRAIT_BOUND_THINKING) || !v->model.len ||
           slice_eq(v->model, t->model);
}

/* Who made the model behind a host that speaks Chat: OpenRouter's "anthropic/claude-opus-5". */
static enum chat_vendor maker(const struct chat_target *t)
{
    if (t->host != HOST_COMPATIBLE)
        return VENDOR_NONE;
    switch (t->gates->family) {
    case FAMILY_OPENAI: return VENDOR_OPENAI;
    case FAMILY_CLAUDE: return VENDOR_ANTHROPIC;
    case FAMILY_GEMINI: return VENDOR_GEMINI;
    case FAMILY_OTHER:
    case FAMILY_GEMMA:
    case FAMILY_DEEPSEEK:
    case FAMILY_MISTRAL:
    case FAMILY_MOONSHOT: break;
    }
    return VENDOR_NONE;
}

/*
 * Secrets go through Chat where they can have come through it: to a host that serves their
 * maker's models (reasoning_details).  Otherwise only the text goes, to models that want it.
 */
static bool keep_in_chat(struct chat_item *item, const struct chat_target *t)
{
    if (item->reasoning.secret.len && !t->drop_reasoning && item->reasoning.vendor == maker(t))
        return true;
    if (!chat_model_has(t->gates, TRAIT_REASONING_BACK) || text_is_empty(item->reasoning.text))
        return false;
    item->reasoning.secret = item->reasoning.id = (struct slice){0};
    item->reasoning.vendor = VENDOR_NONE;
    return true;
}

static bool is_kept(struct chat_item *item, const struct chat_target *t)
{
    return t->dialect == DIALECT_OPENAI_CHAT ? keep_in_chat(item, t) : is_usable(item, t);
}

/* An item id of Responses is good only behind the reasoning that it came with. */
static void clean_turn(struct chat_turn *turn, const struct chat_target *t, bool *reasoned)
{
    list_for_each_safe(at, &turn->items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        if (item->kind == CHAT_REASONING) {
            *reasoned = is_kept(item, t);
            if (!*reasoned)
                list_remove(at);
        } else if (item->kind == CHAT_CALL && !*reasoned) {
            item->call.item_id = (struct slice){0};
        }
    }
}

/* A user's turn that is no answer to calls: whoever replays history begins a new turn there. */
static bool is_question(const struct chat_turn *turn)
{
    if (turn->role != CHAT_USER || list_is_empty(&turn->items))
        return false;
    list_for_each(at, &turn->items) {
        if (list_entry(at, struct chat_item, link)->kind == CHAT_RESULT)
            return false;
    }
    return true;
}

/* The first turn behind the last question. */
static struct list *current(const struct chat_request *r)
{
    struct list *at = r->turns.prev;

    while (at != &r->turns && !is_question(list_entry(at, struct chat_turn, link)))
        at = at->prev;
    return at->next;
}

static struct chat_item *new_thought(struct chat_request *r, struct list *before)
{
    struct chat_item *item = chat_item_new(r->arena, NULL, CHAT_REASONING);

    list_add_before(before, &item->link);
    return item;
}

/* A step is what a model says at once: neighbouring turns of the assistant. */
struct step {
    struct chat_item *thought; // the last one before the first call
    bool called;
};

/* Gemini checks the signature at the first call of each step, and there alone. */
static void sign_first_call(struct chat_request *r, struct step *step, struct list *call)
{
    struct chat_item *thought = step->thought;

    if (thought) {
        list_remove(&thought->link); // it may stand before text that came in between
        list_add_before(call, &thought->link);
        return;
    }
    thought = new_thought(r, call);
    thought->reasoning = (struct chat_reasoning){
        .kind = REASONING_REDACTED, .secret = NOT_MINE, .vendor = VENDOR_GEMINI};
}

/* Moonshot and DeepSeek refuse a turn with calls that has no reasoning, not one with a space. */
static void fill_thought(struct chat_request *r, struct step *step, struct list *call)
{
    if (!step->thought)
        new_thought(r, call)->reasoning =
            (struct chat_reasoning){.kind = REASONING_RAW, .text = text_plain(SLICE(" "))};
}

typedef void first_call_fn(struct chat_request *r, struct step *step, struct list *call);

static void walk_step(struct chat_request *r, struct chat_turn *turn, struct step *step,
                      first_call_fn *first_call)
{
    list_for_each(at, &turn->items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        if (item->kind == CHAT_REASONING && !step->called)
            step->thought = item;
        if (item->kind == CHAT_CALL && !step->called) {
            first_call(r, step, at);
            step->called = true;
        }
    }
}

static void each_first_call(struct chat_request *r, struct list *from, first_call_fn *first_call)
{
    struct step step = {0};

    for (struct list *at = from; at != &r->turns; at = at->next) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (turn->role != CHAT_ASSISTANT)
            step = (struct step){0};
        else
            walk_step(r, turn, &step, first_call);
    }
}

void shape_thoughts(struct chat_request *r, const struct chat_target *t, bool disabled)
{
    enum chat_family family = t->gates->family;
    bool reasoned = false;

    list_for_each(at, &r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (turn->role != CHAT_ASSISTANT)
            reasoned = false;
        else
            clean_turn(turn, t, &reasoned);
    }
    if (t->dialect == DIALECT_GEMINI && chat_model_has(t->gates, TRAIT_SIGNED_CALLS))
        each_first_call(r, current(r), sign_first_call);
    else if (t->dialect == DIALECT_OPENAI_CHAT && !disabled &&
             chat_model_has(t->gates, TRAIT_REASONING_BACK) &&
             (family == FAMILY_MOONSHOT || family == FAMILY_DEEPSEEK))
        each_first_call(r, r->turns.next, fill_thought);
}

/* Of the last step with calls since the last question. */
bool shape_thought_before_calls(const struct chat_request *r, const struct chat_target *t)
{
    struct list *from = current(r);
    bool thought = false, last = true, called = false;

    for (struct list *at = from; at != &r->turns; at = at->next) {
        const struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (turn->role != CHAT_ASSISTANT) {
            thought = called = false;
            continue;
        }
        list_for_each(i, &turn->items) {
            const struct chat_item *item = list_entry(i, struct chat_item, link);
            thought = thought || is_usable(item, t);
            if (item->kind == CHAT_CALL && !called) {
                last = thought;
                called = true;
            }
        }
    }
    return last;
}
