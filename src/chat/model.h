/* model.h - what differs between models of one dialect (protocols/mapping.md 2.19), as data. */
#ifndef CHAT_MODEL_H
#define CHAT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "chat/dialect.h"
#include "chat/request.h"

enum chat_family {
    FAMILY_OTHER, // behind one of OpenAI's dialects, and none of these
    FAMILY_OPENAI,
    FAMILY_CLAUDE,
    FAMILY_GEMINI,
    FAMILY_GEMMA,
    FAMILY_DEEPSEEK,
    FAMILY_MISTRAL,
    FAMILY_MOONSHOT,
};

/* How thinking is asked for. */
enum chat_control {
    CONTROL_NONE,     // it does not think, or nobody can say so
    CONTROL_EFFORT,   // OpenAI's ladder
    CONTROL_BUDGET,   // Claude up to 4.5, Gemini 2.5
    CONTROL_BOTH,     // Claude 4.6: adaptive or budget
    CONTROL_ADAPTIVE, // Claude after 4.6
    CONTROL_LEVEL,    // Gemini 3 and later
};

enum chat_trait {
    TRAIT_REASONING = 1 << 0,        // OpenAI: developer role, max_completion_tokens
    TRAIT_NO_SAMPLING = 1 << 1,      // temperature, top_p, top_k are refused or ignored
    TRAIT_NO_PENALTIES = 1 << 2,     // presence and frequency are refused
    TRAIT_NO_PREFILL = 1 << 3,       // the last turn must be the user's
    TRAIT_NO_FORCED_TOOL = 1 << 4,   // tool_choice any/tool is refused
    TRAIT_MID_SYSTEM = 1 << 5,       // Claude: role "system" between turns
    TRAIT_ALWAYS_THINKS = 1 << 6,    // cannot be switched off
    TRAIT_BETWEEN_TOOLS = 1 << 7,    // Claude Sonnet 5.5
    TRAIT_SCHEMA = 1 << 8,           // structured output by schema
    TRAIT_RESPONSES_ONLY = 1 << 9,   // OpenAI: not on Chat Completions
    TRAIT_RESPONSES_TOOLS = 1 << 10, // OpenAI: function tools with reasoning only on Responses
    TRAIT_SIGNED_CALLS = 1 << 11,    // Gemini 3+: calls in history carry a signature
    TRAIT_TOOL_MEDIA = 1 << 12,      // Gemini 3+: media inside functionResponse
    TRAIT_MIXED_TOOLS = 1 << 13, // Gemini 3+: functions beside built-in tools, schema beside tools
    TRAIT_NO_SYSTEM = 1 << 14,   // Gemma: no systemInstruction
    TRAIT_NO_CANDIDATES = 1 << 15,  // Gemini 4: candidateCount above 1 is refused
    TRAIT_REASONING_BACK = 1 << 16, // DeepSeek V4, Moonshot: reasoning_content must come back
    TRAIT_ONE_SAMPLER = 1 << 17,    // Claude 4.x: temperature or top_p, not both
    TRAIT_BREAKPOINTS = 1 << 18,    // OpenAI gpt-5.6+: prompt_cache_breakpoint
    TRAIT_FILE_URLS = 1 << 19,      // Gemini 2.5+: https in fileData
    TRAIT_STRICT_TOOLS = 1 << 20,   // Claude: strict on tools
    TRAIT_NO_STOP = 1 << 21,        // OpenAI o3 and later: stop is refused
    TRAIT_IDLE_SAMPLING = 1 << 22,  // gpt-5.1 to 5.6: NO_SAMPLING does not hold at effort none
    TRAIT_BOUND_THINKING = 1 << 23, // Claude 5.5 class: reasoning is for the model that made it
};

struct chat_model {
    enum chat_family family;
    enum chat_control control;
    uint32_t efforts;   // one bit per enum chat_effort that it takes
    uint32_t traits;    // enum chat_trait
    int64_t max_output; // tokens; 0: not known
    int64_t budget_min, budget_max;
};

/**
 * By the upstream's dialect and model id; never NULL.  Vendors' prefixes ("models/",
 * "anthropic/", "us.anthropic.") and dates are looked through.  An unknown one is taken for the
 * newest of its family, without traits that forbid anything.
 */
const struct chat_model *chat_model_find(enum dialect upstream, struct slice model);

static inline bool chat_model_has(const struct chat_model *m, enum chat_trait trait)
{
    return (m->traits & (uint32_t)trait) != 0;
}

/** The step of the ladder that the model has nearest to `wanted`: the next lower, else higher. */
enum chat_effort chat_model_effort(const struct chat_model *m, enum chat_effort wanted);

#endif
