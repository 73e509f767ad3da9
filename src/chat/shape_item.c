/* shape_item.c - turns and items, as the steps of chat/shape.h change them. */
#include "chat/shape_item.h"

const char *shape_turns_field(enum dialect client)
{
    switch (client) {
    case DIALECT_OPENAI_RESPONSES: return "input";
    case DIALECT_GEMINI: return "contents";
    case DIALECT_OPENAI_CHAT:
    case DIALECT_ANTHROPIC:
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return "messages";
}

struct chat_turn *shape_turn_before(struct chat_request *r, struct list *at, enum chat_role role)
{
    struct chat_turn *turn = arena_new(r->arena, struct chat_turn);

    turn->role = role;
    list_init(&turn->items);
    list_add_before(at, &turn->link);
    return turn;
}

struct chat_text shape_texts_join(struct chat_request *r, const struct list *items,
                                  struct slice before, struct slice between, struct slice after)
{
    struct buf joined = {0};
    struct slice kept;
    bool first = true;

    text_append_escaped(&joined, text_plain(before));
    list_for_each(at, items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);
        if (!shape_is_text(item))
            continue;
        if (!first)
            text_append_escaped(&joined, text_plain(between));
        text_append_escaped(&joined, item->text);
        first = false;
    }
    text_append_escaped(&joined, text_plain(after));
    kept = arena_dup(r->arena, buf_peek(&joined));
    buf_release(&joined);
    return (struct chat_text){kept, true};
}

void shape_result_to_text(struct chat_request *r, struct chat_item *item)
{
    const struct chat_result *result = &item->result;
    struct slice name = result->name.len ? result->name : result->call_id;
    struct slice before = name.len ? arena_printf(r->arena, "Tool result (%.*s): ", SLICE_ARG(name))
                                   : SLICE("Tool result: ");
    struct list parts; // the item's own list goes when it becomes a text

    list_init(&parts);
    list_append(&parts, &item->result.items);
    item->kind = CHAT_TEXT;
    item->text = shape_texts_join(r, &parts, before, SLICE("\n"), SLICE(""));
    while (!list_is_empty(&parts)) {
        struct list *last = parts.prev;

        list_remove(last);
        if (!shape_is_text(list_entry(last, struct chat_item, link)))
            list_add_before(item->link.next, last);
    }
}
