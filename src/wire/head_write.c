/* head_write.c - heads of HTTP/1 requests and responses, written. */
#include <assert.h>

#include "base/array.h"
#include "wire/head.h"
#include "wire/scan.h"

#define CRLF SLICE("\r\n")

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {100, "Continue"                       },
    {101, "Switching Protocols"            },
    {200, "OK"                             },
    {201, "Created"                        },
    {202, "Accepted"                       },
    {204, "No Content"                     },
    {206, "Partial Content"                },
    {301, "Moved Permanently"              },
    {302, "Found"                          },
    {303, "See Other"                      },
    {304, "Not Modified"                   },
    {307, "Temporary Redirect"             },
    {308, "Permanent Redirect"             },
    {400, "Bad Request"                    },
    {401, "Unauthorized"                   },
    {402, "Payment Required"               },
    {403, "Forbidden"                      },
    {404, "Not Found"                      },
    {405, "Method Not Allowed"             },
    {406, "Not Acceptable"                 },
    {408, "Request Timeout"                },
    {409, "Conflict"                       },
    {410, "Gone"                           },
    {411, "Length Required"                },
    {412, "Precondition Failed"            },
    {413, "Content Too Large"              },
    {414, "URI Too Long"                   },
    {415, "Unsupported Media Type"         },
    {416, "Range Not Satisfiable"          },
    {417, "Expectation Failed"             },
    {421, "Misdirected Request"            },
    {422, "Unprocessable Content"          },
    {424, "Failed Dependency"              },
    {425, "Too Early"                      },
    {426, "Upgrade Required"               },
    {428, "Precondition Required"          },
    {429, "Too Many Requests"              },
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"          },
    {500, "Internal Server Error"          },
    {501, "Not Implemented"                },
    {502, "Bad Gateway"                    },
    {503, "Service Unavailable"            },
    {504, "Gateway Timeout"                },
    {505, "HTTP Version Not Supported"     },
    {507, "Insufficient Storage"           },
    {529, "Overloaded"                     },
};

static bool all_of(struct slice s, enum scan_class class)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!scan_is(s.ptr[i], class))
            return false;
    }
    return s.len > 0;
}

static char *put(char *to, struct slice s)
{
    if (s.len)
        memcpy(to, s.ptr, s.len);
    return to + s.len;
}

struct slice head_reason(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return slice_str(reasons[i].reason);
    }
    return slice_of("", 0);
}

bool head_write_request(struct buf *out, struct slice method, struct slice target)
{
    if (!all_of(method, SCAN_TOKEN) || !all_of(target, SCAN_TARGET))
        return false;
    buf_append(out, method);
    buf_append_byte(out, ' ');
    buf_append(out, target);
    buf_append(out, SLICE(" HTTP/1.1\r\n"));
    return true;
}

void head_write_status(struct buf *out, int status)
{
    assert(status >= 100 && status <= 999);
    buf_append(out, SLICE("HTTP/1.1 "));
    buf_append_u64(out, (uint64_t)status);
    buf_append_byte(out, ' '); // stands even where no phrase follows (RFC 9112, 4)
    buf_append(out, head_reason(status));
    buf_append(out, CRLF);
}

bool head_write_field(struct buf *out, struct slice name, struct slice value)
{
    char *to;

    if (!all_of(name, SCAN_TOKEN))
        return false;
    if (value.len && scan_control(value.ptr, value.ptr + value.len) != value.ptr + value.len)
        return false;
    to = buf_reserve(out, name.len + value.len + 4);
    to = put(to, name);
    to = put(to, SLICE(": "));
    to = put(to, value);
    put(to, CRLF);
    buf_grew(out, name.len + value.len + 4);
    return true;
}

bool head_write_known(struct buf *out, enum head_name name, struct slice value)
{
    return head_write_field(out, head_name_text(name), value);
}

void head_write_end(struct buf *out)
{
    buf_append(out, CRLF);
}
