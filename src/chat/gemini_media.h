/* gemini_media.h - inlineData and fileData: images, sound, films and documents. */
#ifndef CHAT_GEMINI_MEDIA_H
#define CHAT_GEMINI_MEDIA_H

#include "chat/request.h"
#include "json/tree.h"

/* Each adds an item; NULL, and `wrong` says what is, when it cannot be read. */
struct chat_item *gemini_read_inline(struct arena *a, struct list *items, const struct json *v,
                                     const char **wrong);
struct chat_item *gemini_read_file(struct arena *a, struct list *items, const struct json *v,
                                   const char **wrong);

/** The member of a part that holds it, key and value. */
void gemini_write_media(struct json_writer *w, const struct chat_media *m);

#endif
