/* problems.c - everything wrong with a file, each with its place. */
#include "app/problems.h"

#include <stdarg.h>
#include <stdlib.h>

#include "policy/suggest.h"

#define SUGGEST_MAX_BYTES 64 // of a name

static struct slice format_text(struct arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void append(struct problems *p, struct place at, bool warning, const char *format,
                   va_list args) __attribute__((format(printf, 4, 0)));

static struct slice format_text(struct arena *a, const char *format, va_list args)
{
    char text[1024];
    int len = vsnprintf(text, sizeof(text), format, args);

    if (len < 0)
        len = 0;
    if ((size_t)len >= sizeof(text))
        len = (int)sizeof(text) - 1;
    return arena_dup(a, slice_of(text, (size_t)len));
}

static void append(struct problems *p, struct place at, bool warning, const char *format,
                   va_list args)
{
    struct problem *problem;

    *(warning ? &p->warnings : &p->errors) += 1;
    if (p->errors + p->warnings > PROBLEMS_MAX)
        return;
    problem = arena_new(p->arena, struct problem);
    problem->place = at;
    problem->warning = warning;
    problem->text = format_text(p->arena, format, args);
    if (p->last)
        p->last->next = problem;
    else
        p->first = problem;
    p->last = problem;
}

void problem_add(struct problems *p, struct place at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append(p, at, false, format, args);
    va_end(args);
}

void problem_warn(struct problems *p, struct place at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append(p, at, true, format, args);
    va_end(args);
}

static int by_place(const void *left, const void *right)
{
    const struct problem *a = *(const struct problem *const *)left;
    const struct problem *b = *(const struct problem *const *)right;

    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    if (a->place.column != b->place.column)
        return a->place.column < b->place.column ? -1 : 1;
    return 0;
}

static void print_one(const struct problems *p, const struct problem *problem, FILE *out)
{
    fprintf(out, "%s:", p->file);
    if (problem->place.line)
        fprintf(out, "%u:%u:", problem->place.line, problem->place.column);
    fprintf(out, " %s%.*s\n", problem->warning ? "warning: " : "", SLICE_ARG(problem->text));
}

void problems_print(const struct problems *p, FILE *out)
{
    const struct problem *sorted[PROBLEMS_MAX];
    size_t count = 0, all = p->errors + p->warnings;

    for (const struct problem *at = p->first; at && count < PROBLEMS_MAX; at = at->next)
        sorted[count++] = at;
    // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
    qsort(sorted, count, sizeof(*sorted), by_place);
    for (size_t i = 0; i < count; i++)
        print_one(p, sorted[i], out);
    if (all > count)
        fprintf(out, "%s: and %zu more\n", p->file, all - count);
}

const char *suggest(struct slice name, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned most = name.len < SUGGEST_MAX_BYTES ? (unsigned)name.len / 3 + 1 : 0;

    for (size_t i = 0; i < count && most && name.len > 1; i++) {
        unsigned distance = suggest_distance(name, slice_str(names[i]), most);
        if (distance <= most) {
            best = names[i];
            most = distance ? distance - 1 : 0; // only a nearer one is better; 0 ends the search
        }
    }
    return best;
}
