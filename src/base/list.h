/* list.h - doubly linked lists whose links live inside the members. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"

/*
 * A head and a member's link are the same struct.  A link that is on no list
 * points at itself, so that list_remove() may be called on it any number of
 * times.  Lists own nothing.
 */
struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_add_before(struct list *at, struct list *link)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

static inline void list_push_back(struct list *head, struct list *link)
{
    list_add_before(head, link);
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_add_before(head->next, link);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/** Moves every member of `from` to the end of `to`. */
static inline void list_append(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define list_entry(link, type, member) container_of(link, type, member)
#define list_for_each(at, head)        for (struct list *at = (head)->next; at != (head); at = at->next)

/* The member at `at` may leave the list inside the loop. */
#define list_for_each_safe(at, head)                                          \
    for (struct list *at = (head)->next, *at##_next = at->next; at != (head); \
         at = at##_next, at##_next = at->next)

#endif
