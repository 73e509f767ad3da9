/* shape_item.h - turns and items, as the steps of chat/shape.h change them. */
#ifndef CHAT_SHAPE_ITEM_H
#define CHAT_SHAPE_ITEM_H

#include "chat/request.h"
#include "chat/shape.h"

/** Where turns stand, in the words of the client's dialect: "messages". */
const char *shape_turns_field(enum dialect client);

/** A new one in front of `at`, which is a turn's link or the list itself. */
struct chat_turn *shape_turn_before(struct chat_request *r, struct list *at, enum chat_role role);

static inline bool shape_is_openai(const struct chat_target *t)
{
    return t->dialect == DIALECT_OPENAI_CHAT || t->dialect == DIALECT_OPENAI_RESPONSES;
}

static inline bool shape_is_media(const struct chat_item *item)
{
    return item->kind == CHAT_IMAGE || item->kind == CHAT_FILE || item->kind == CHAT_AUDIO ||
           item->kind == CHAT_VIDEO;
}

static inline bool shape_is_text(const struct chat_item *item)
{
    return item->kind == CHAT_TEXT || item->kind == CHAT_REFUSAL;
}

/** The texts among `items` as one: `before` + their texts, `between` them + `after`. */
struct chat_text shape_texts_join(struct chat_request *r, const struct list *items,
                                  struct slice before, struct slice between, struct slice after);

/**
 * A result that can be one no longer becomes text of the user, "Tool result (name): ...", and
 * what else it held follows it.
 */
void shape_result_to_text(struct chat_request *r, struct chat_item *result);

#endif
