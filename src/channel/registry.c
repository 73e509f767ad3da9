/* registry.c - every channel there is.  A new one is its file and its two lines here. */
#include "channel/registry.h"
#include "base/array.h"
#include "channel/channel.h"

static const struct channel *const channels[] = {
    &channel_openai, &channel_anthropic, &channel_aistudio,
    &channel_groq,   &channel_custom,    &channel_echo,
};

const struct channel *const *channel_all(size_t *count)
{
    *count = ARRAY_LEN(channels);
    return channels;
}

const struct channel *channel_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        if (slice_eq(name, slice_str(channels[i]->name)))
            return channels[i];
    return NULL;
}
