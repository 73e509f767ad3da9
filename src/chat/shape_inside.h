/* shape_inside.h - what the files of shape say to each other. */
#ifndef CHAT_SHAPE_INSIDE_H
#define CHAT_SHAPE_INSIDE_H

#include "chat/shape.h"

/** Temperature and its kin, and at OpenAI's also penalties and logprobs. */
void shape_drop_sampling(struct chat_request *r, const struct chat_target *t);

/**
 * What models thought before: what `t` cannot use goes, what it demands is put in its place.
 * `disabled`: it will not think now.
 */
void shape_thoughts(struct chat_request *r, const struct chat_target *t, bool disabled);

/** Do the calls that still wait for their answer follow reasoning that `t` can use? */
bool shape_thought_before_calls(const struct chat_request *r, const struct chat_target *t);

#endif
