/* kit.c - what the mock upstream and the load generator share. */
#include "kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 4096

void kit_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t kit_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t kit_number(const char *name, const char *text, uint64_t most)
{
    char *end;
    unsigned long long n;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || n > most)
        kit_die("%s: '%s' is no number from 0 to %llu", name, text, (unsigned long long)most);
    return n;
}

static struct sockaddr_in loopback(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int open_socket(void)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        kit_die("socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

int kit_listen(unsigned port)
{
    struct sockaddr_in address = loopback(port);
    const int on = 1;
    int fd = open_socket();

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0)
        kit_die("port %u: %s", port, strerror(errno));
    return fd;
}

int kit_connect(unsigned port)
{
    struct sockaddr_in address = loopback(port);
    int fd = open_socket();

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static void make_room(struct text *t, size_t more)
{
    size_t cap = t->cap ? t->cap : 1024;

    while (cap < t->len + more + 1)
        cap *= 2;
    if (cap == t->cap)
        return;
    t->bytes = realloc(t->bytes, cap);
    if (!t->bytes)
        kit_die("out of memory");
    t->cap = cap;
}

void text_add(struct text *t, const char *bytes, size_t len)
{
    make_room(t, len);
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    t->bytes[t->len] = '\0';
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        kit_die("vsnprintf failed");
    make_room(t, (size_t)len);
    vsnprintf(t->bytes + t->len, (size_t)len + 1, format, again);
    va_end(again);
    t->len += (size_t)len;
}
