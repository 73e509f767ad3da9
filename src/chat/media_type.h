/* media_type.h - what images, files, sound and video are, as well as can be told. */
#ifndef CHAT_MEDIA_TYPE_H
#define CHAT_MEDIA_TYPE_H

#include "chat/request.h"

/**
 * Fills in the type, from the content's first bytes or else from an extension, and gives it its
 * usual name; it stays empty when nothing tells.  An image's bytes count more than its label:
 * some providers look, and refuse a label that lies.  Images that came as files become images,
 * and PDFs that came as images become files.
 */
void media_settle(struct chat_item *item);

bool media_is(const struct chat_media *m, const char *mime);
bool media_is_text(const struct chat_media *m);

/** "pdf"; "bin" where nothing fits. */
const char *media_extension(struct slice mime);

#endif
