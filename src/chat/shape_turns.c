/* shape_turns.c - turns begin, alternate and end as the target wants them. */
#include "chat/shape_item.h"
#include "json/scan.h"

/*
 * mapping.md 2.1 and 2.2, after shape_calls() has put results at the head of the user's turns.
 * They stay in one turn with what else the user says: codecs whose results are messages or items
 * of their own write those first, then the rest.
 */

#define CONTINUE_PREFILL "Continue from exactly where the previous assistant message stopped."
#define CONTINUE         "Continue."
#define OPENED_WITH      "Assistant opened with: "
#define REMINDER_BEGINS  "<system-reminder>"
#define REMINDER_ENDS    "</system-reminder>"
#define BILLING_TEXT     "x-anthropic-billing-header" // of Claude Code: means nothing to others

static void note_changed(struct chat_request *r)
{
    chat_note_degraded(r, shape_turns_field(r->dialect));
}

/* Whether the target wants user and assistant by turns, the user first, and nothing empty. */
static bool wants_order(const struct chat_target *t)
{
    return t->dialect == DIALECT_ANTHROPIC || t->dialect == DIALECT_GEMINI;
}

/* Whether the last of `text`, which is escaped and ends in "n" or the like, is white space: "\n". */
static bool ends_in_escape(struct slice text)
{
    size_t slashes = 0;

    while (slashes + 1 < text.len && text.ptr[text.len - 2 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

/* Length without white space at the end. */
static size_t trimmed_len(struct chat_text t)
{
    struct slice s = t.s;

    while (s.len) {
        char last = s.ptr[s.len - 1];
        if (last == ' ' || last == '\t' || last == '\n' || last == '\r')
            s.len--;
        else if (t.escaped && (last == 'n' || last == 't' || last == 'r') && ends_in_escape(s))
            s.len -= 2;
        else
            break;
    }
    return s.len;
}

static bool is_blank(const struct chat_target *t, const struct chat_item *item)
{
    if (!shape_is_text(item))
        return false;
    if (t->dialect == DIALECT_ANTHROPIC) // which refuses white space alone, too
        return trimmed_len(item->text) == 0;
    return text_is_empty(item->text);
}

/* Takes an item out; the end of the prefix that it marked is now that of the one before. */
static void drop_item(struct chat_item *item, struct chat_item *before)
{
    if (before && before->cache == CACHE_NONE)
        before->cache = item->cache;
    list_remove(&item->link);
}

/* Whether it is of no use to the target: another vendor's, or without a place in the dialect. */
static bool is_foreign(const struct chat_target *t, const struct chat_item *item)
{
    return item->kind == CHAT_SERVER &&
           (item->server.vendor != chat_target_vendor(t) || t->dialect == DIALECT_OPENAI_CHAT);
}

/* Traces of other vendors' tools can go, as the text that came of them stays; a summary cannot. */
static enum err look_at_foreign(struct chat_request *r, const struct chat_target *t,
                                struct err_info *e)
{
    bool found = false;

    list_for_each(at, &r->turns) {
        const struct chat_turn *turn = list_entry(at, struct chat_turn, link);

        list_for_each(in, &turn->items) {
            const struct chat_item *item = list_entry(in, struct chat_item, link);
            struct slice type;

            if (!is_foreign(t, item))
                continue;
            found = true;
            if (json_get(item->server.raw, SLICE("type"), &type) == ERR_NONE &&
                json_string_eq(type, SLICE("compaction")))
                return err_set(e, ERR_BAD_REQUEST,
                               "%s: a compaction item can only be read by the provider that made "
                               "it: send the conversation itself",
                               shape_turns_field(r->dialect));
        }
    }
    if (found)
        note_changed(r);
    return ERR_NONE;
}

/* Whether a thought's proof stands before it: Gemini wants the part back, though it is empty. */
static bool is_signed(const struct chat_target *t, const struct list *items, const struct list *at)
{
    const struct chat_item *item = list_entry(at->prev, struct chat_item, link);

    return t->dialect == DIALECT_GEMINI && at->prev != items && item->kind == CHAT_REASONING &&
           item->reasoning.secret.len;
}

/*
 * Empty texts go.  OpenAI takes a user's turn of one, which says at least that it was his turn.
 * `before` is the last item of the prompt so far.
 */
static void clean_items(const struct chat_target *t, struct list *items, bool keeps_last,
                        struct chat_item **before)
{
    list_for_each_safe(at, items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        bool alone = items->next == at && at->next == items;
        bool kept = (alone && keeps_last) || is_signed(t, items, at);

        if (item->kind == CHAT_RESULT)
            clean_items(t, &item->result.items, false, &(struct chat_item *){item});
        if (is_foreign(t, item) || (is_blank(t, item) && !kept)) {
            drop_item(item, *before);
        } else {
            if (item->kind == CHAT_REFUSAL && wants_order(t))
                item->kind = CHAT_TEXT;
            *before = item;
        }
    }
}

static void clean(struct chat_request *r, const struct chat_target *t)
{
    struct chat_item *before = NULL;

    list_for_each_safe(at, &r->system) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        if (r->dialect == DIALECT_ANTHROPIC && t->dialect != DIALECT_ANTHROPIC &&
            slice_starts(item->text.s, SLICE(BILLING_TEXT)))
            drop_item(item, NULL);
    }
    clean_items(t, &r->system, false, &before);
    list_for_each_safe(at, &r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);

        clean_items(t, &turn->items, !wants_order(t) && turn->role == CHAT_USER, &before);
        if (list_is_empty(&turn->items))
            list_remove(at);
    }
}

/* Puts all of `moved` in front of what the user says, but behind the results. */
static void put_before_words(struct chat_turn *turn, struct list *moved)
{
    struct list *at = turn->items.next;

    while (at != &turn->items && list_entry(at, struct chat_item, link)->kind == CHAT_RESULT)
        at = at->next;
    while (!list_is_empty(moved)) {
        struct list *first = moved->next;
        list_remove(first);
        list_add_before(at, first);
    }
}

/* What an assistant said before anybody else did.  His calls go, their results become text. */
static void open_with(struct chat_request *r, struct chat_turn *turn, struct chat_turn *next)
{
    bool has_text = false;

    list_for_each(at, &turn->items) {
        has_text |= shape_is_text(list_entry(at, struct chat_item, link));
    }
    if (has_text)
        chat_item_text(
            r->arena, &r->system,
            shape_texts_join(r, &turn->items, SLICE(OPENED_WITH), SLICE("\n\n"), SLICE("")));
    if (!next || next->role != CHAT_USER)
        return;
    list_for_each(at, &next->items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        if (item->kind == CHAT_RESULT)
            shape_result_to_text(r, item);
    }
}

/* Everything before the user's first turn goes into the system's text. */
static enum err begin_with_user(struct chat_request *r, struct err_info *e)
{
    while (!list_is_empty(&r->turns)) {
        struct chat_turn *turn = list_entry(r->turns.next, struct chat_turn, link), *next = NULL;

        if (turn->role == CHAT_USER)
            return ERR_NONE;
        note_changed(r);
        if (turn->link.next != &r->turns)
            next = list_entry(turn->link.next, struct chat_turn, link);
        if (turn->role == CHAT_ASSISTANT)
            open_with(r, turn, next);
        else
            list_append(&r->system, &turn->items);
        list_remove(&turn->link);
    }
    return err_set(e, ERR_BAD_REQUEST,
                   "%s: the model's provider needs at least one message of the user",
                   shape_turns_field(r->dialect));
}

/* An instruction in mid-conversation, as something that the user says in its place. */
static void say_as_user(struct chat_request *r, const struct chat_target *t, struct chat_turn *turn)
{
    note_changed(r);
    turn->role = CHAT_USER;
    if (t->dialect != DIALECT_ANTHROPIC)
        return;
    list_for_each(at, &turn->items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        item->text = text_join(r->arena, text_plain(SLICE(REMINDER_BEGINS)), SLICE(""), item->text);
        item->text = text_join(r->arena, item->text, SLICE(REMINDER_ENDS), text_plain(SLICE("")));
    }
}

/*
 * Instructions in mid-conversation stay where the target has them: behind a turn of the user.
 * Else the user says them in their place, which is the turn before or the turn behind.
 */
static void place_instructions(struct chat_request *r, const struct chat_target *t)
{
    enum chat_role before = CHAT_SYSTEM;
    bool keeps = t->dialect == DIALECT_ANTHROPIC && chat_model_has(t->gates, TRAIT_MID_SYSTEM);

    list_for_each(at, &r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (turn->role == CHAT_SYSTEM && (!keeps || before == CHAT_ASSISTANT))
            say_as_user(r, t, turn);
        before = turn->role;
    }
}

/* Signed parts stay apart: items are moved, never joined. */
static void join_neighbours(struct chat_request *r)
{
    struct chat_turn *before = NULL;

    list_for_each_safe(at, &r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);

        if (!before || before->role != turn->role) {
            before = turn;
            continue;
        }
        list_append(&before->items, &turn->items);
        list_remove(at);
    }
}

static bool is_reasoning(struct list *at)
{
    return list_entry(at, struct chat_item, link)->kind == CHAT_REASONING;
}

/*
 * Reasoning belongs to what follows it.  With nothing behind it Anthropic and Responses refuse
 * it, and a message of Chat would be empty.
 */
static void drop_last_thoughts(struct chat_request *r, const struct chat_target *t)
{
    list_for_each_safe(at, &r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        struct list *end = &turn->items, thoughts;

        if (turn->role != CHAT_ASSISTANT)
            continue;
        while (end->prev != &turn->items && is_reasoning(end->prev))
            end = end->prev;
        if (end == &turn->items || (t->dialect == DIALECT_OPENAI_CHAT && end->prev != &turn->items))
            continue;
        list_init(&thoughts);
        while (end != &turn->items) {
            struct list *next = end->next;
            list_remove(end);
            list_push_back(&thoughts, end);
            end = next;
        }
        if (at_next != &r->turns &&
            list_entry(at_next, struct chat_turn, link)->role == CHAT_ASSISTANT) {
            struct list *items = &list_entry(at_next, struct chat_turn, link)->items;
            list_append(&thoughts, items);
            list_append(items, &thoughts);
        }
        if (list_is_empty(&turn->items))
            list_remove(at);
    }
}

/* Some models have no place for system text: the user says it first. */
static void say_system_as_user(struct chat_request *r)
{
    struct chat_turn *first = NULL;

    if (list_is_empty(&r->system))
        return;
    note_changed(r);
    list_for_each(at, &r->turns) {
        first = list_entry(at, struct chat_turn, link);
        if (first->role == CHAT_USER)
            break;
        first = NULL;
    }
    if (!first)
        first = shape_turn_before(r, r->turns.next, CHAT_USER);
    put_before_words(first, &r->system);
}

/* The end of a conversation whose last word is the assistant's. */
static void end_with_user(struct chat_request *r, const struct chat_target *t)
{
    struct chat_turn *last = list_entry(r->turns.prev, struct chat_turn, link);
    struct chat_item *item;

    if (list_is_empty(&r->turns) || last->role != CHAT_ASSISTANT)
        return;
    if (chat_model_has(t->gates, TRAIT_NO_PREFILL)) {
        note_changed(r);
        last = chat_turn_new(r, CHAT_USER);
        chat_item_text(r->arena, &last->items,
                       text_plain(t->dialect == DIALECT_ANTHROPIC ? SLICE(CONTINUE_PREFILL)
                                                                  : SLICE(CONTINUE)));
    } else if (t->dialect == DIALECT_ANTHROPIC) {
        item = list_entry(last->items.prev, struct chat_item, link);
        if (shape_is_text(item))
            item->text.s.len = trimmed_len(item->text);
    }
}

static enum err order(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    if (begin_with_user(r, e) != ERR_NONE)
        return e->code;
    place_instructions(r, t);
    join_neighbours(r);
    if (t->dialect == DIALECT_ANTHROPIC) {
        drop_last_thoughts(r, t);
        join_neighbours(r);
    }
    return ERR_NONE;
}

/* Responses wants input: without any, the system's text is that. */
static void fill_input(struct chat_request *r, const struct chat_target *t)
{
    if (t->dialect == DIALECT_OPENAI_RESPONSES && list_is_empty(&r->turns) &&
        !list_is_empty(&r->system))
        list_append(&chat_turn_new(r, CHAT_SYSTEM)->items, &r->system);
}

enum err shape_turns(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    if (look_at_foreign(r, t, e) != ERR_NONE)
        return e->code;
    clean(r, t);
    if (wants_order(t)) {
        if (order(r, t, e) != ERR_NONE)
            return e->code;
    } else {
        drop_last_thoughts(r, t);
        fill_input(r, t);
    }
    if (chat_model_has(t->gates, TRAIT_NO_SYSTEM))
        say_system_as_user(r);
    end_with_user(r, t);
    return ERR_NONE;
}
