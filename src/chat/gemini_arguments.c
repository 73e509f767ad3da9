/* gemini_arguments.c - arguments of calls, which are objects here and text elsewhere. */
#include "chat/gemini_inside.h"
#include "json/extent.h"
#include "json/raw.h"
#include "json/scan.h"

/* Behind the string that begins at `at`. */
static size_t string_end(struct slice json, size_t at)
{
    for (at++; at < json.len && json.ptr[at] != '"'; at++)
        at += json.ptr[at] == '\\';
    return at < json.len ? at + 1 : json.len;
}

void gemini_compact(struct buf *out, struct slice json)
{
    size_t at = 0, from = 0;

    if (slice_find(json, '\n') == SIZE_MAX && slice_find(json, '\r') == SIZE_MAX) {
        buf_append(out, json);
        return;
    }
    while (at < json.len) {
        if (json.ptr[at] == '"') {
            at = string_end(json, at);
        } else if (json_is_blank(json.ptr[at])) {
            buf_append(out, slice_sub(json, from, at - from));
            from = ++at;
        } else {
            at++;
        }
    }
    buf_append(out, slice_after(json, from));
}

void gemini_write_arguments(struct json_writer *w, struct slice text)
{
    struct err_info ignored = {0};

    text = slice_trim_lines(text);
    if (!text.len) {
        json_value_raw(w, SLICE("{}"));
    } else if (json_is_object(text) && json_scan(text, NULL, 0, NULL, &ignored) == ERR_NONE) {
        json_value_raw(w, SLICE("")); // its comma, if any
        gemini_compact(w->out, text);
    } else {
        json_open_object(w);
        json_key(w, SLICE("_raw"));
        json_value_string(w, text);
        json_close_object(w);
    }
}
