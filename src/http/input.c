/* input.c - what a connection has read and nobody has taken yet. */
#include "http/input.h"

#include <string.h>

char *input_room(struct http_input *in, struct worker *w, size_t *size)
{
    if (!in->buffer) {
        in->buffer = worker_buffer_take(w);
        in->start = in->end = 0;
    } else if (in->start == in->end) {
        in->start = in->end = 0;
    } else if (in->start && WORKER_BUFFER_BYTES - in->end < WORKER_BUFFER_BYTES / 4) {
        memmove(in->buffer, in->buffer + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    *size = WORKER_BUFFER_BYTES - in->end;
    return *size ? in->buffer + in->end : NULL;
}

void input_rest(struct http_input *in, struct worker *w)
{
    if (in->buffer && in->start == in->end)
        input_release(in, w);
}

void input_release(struct http_input *in, struct worker *w)
{
    if (in->buffer)
        worker_buffer_give(w, in->buffer);
    *in = (struct http_input){0};
}
