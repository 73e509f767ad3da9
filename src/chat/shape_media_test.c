/* shape_media_test.c - images, files, sound and video, for each target. */
#include "chat/shape_test_kit.h"

#define PNG     "iVBORw0KGgoAAAAN"
#define JPEG    "/9j/4AAQSkZJRgAB"
#define PDF     "JVBERi0xLjcK"
#define HELLO   "SGVsbG8=" // Hello
#define BINARY  "/////w=="
#define AT_HOST "https://x.org/"

static const struct kit_case images[] = {
    {"a png stays",                           C, "A claude-opus-4-8",  "u['see' image(b64:" PNG ",image/png)]",
     "u['see' image(b64:" PNG ",image/png)]",                                                                                                          ""           },
    {"bytes count more than the label",       C, "A claude-opus-4-8",  "u[image(b64:" JPEG ",image/png)]",
     "u[image(b64:" JPEG ",image/jpeg)]",                                                                                                              ""           },
    {"no label",                              C, "R gpt-5",            "u[image(b64:" PNG ")]",                     "u[image(b64:" PNG ",image/png)]", ""           },
    {"neither label nor known bytes",         C, "R gpt-5",            "u[image(b64:AAAA)]",
     "400 image_url: the media type is not said",                                                                                                      ""           },
    {"jpg is jpeg",                           R, "A claude-opus-4-8",  "u[image(b64:AAAA,image/jpg)]",
     "u[image(b64:AAAA,image/jpeg)]",                                                                                                                  ""           },
    {"no bmp for Anthropic",                  R, "A claude-opus-4-8",  "u[image(b64:AAAA,image/bmp)]",
     "400 input_image: the model's provider takes png, jpeg, gif and webp images, not "
     "\"image/bmp\"",                                                                                                                                  ""           },
    {"bmp elsewhere",                         A, "R gpt-5",            "u[image(b64:AAAA,image/bmp)]",              "u[image(b64:AAAA,image/bmp)]",
     ""                                                                                                                                                             },
    {"detail stays",                          C, "G gemini-3-pro",     "u[image(b64:" PNG ",image/png,,low)]",
     "u[image(b64:" PNG ",image/png,,low)]",                                                                                                           ""           },
    {"URL to those who fetch",                A, "C gpt-5",            "u[image(url:" AT_HOST "a)]",
     "u[image(url:" AT_HOST "a)]",                                                                                                                     ""           },
    {"URL to Anthropic",                      C, "A claude-opus-4-8",  "u[image(url:" AT_HOST "a.png)]",
     "u[image(url:" AT_HOST "a.png,image/png)]",                                                                                                       ""           },
    {"URL's type from its extension",         C, "G gemini-2.5-flash",
     "u[image(url:" AT_HOST "d.ir/A.WEBP?x=a.png#b.gif)]",
     "u[image(url:" AT_HOST "d.ir/A.WEBP?x=a.png#b.gif,image/webp)]",                                                                                  ""           },
    {"URL without one",                       C, "G gemini-3-pro",     "u[image(url:" AT_HOST "a)]",
     "u[image(url:" AT_HOST "a,image/jpeg)]",                                                                                                          ""           },
    {"no URL for old Gemini",                 C, "G gemini-2.0-flash", "u[image(url:" AT_HOST "a.png)]",
     "400 image_url: unsupported_image_url",                                                                                                           ""           },
    {"a scheme that nobody fetches",          C, "R gpt-5",            "u[image(url:gs://bucket/a.png)]",
     "400 image_url: unsupported_image_url",                                                                                                           ""           },
    {"data without base64",                   C, "A claude-opus-4-8",  "u[image('url:data:text/plain,hi')]",
     "400 image_url: unsupported_image_url",                                                                                                           ""           },
    {"Google's own scheme",                   G, "G gemini-3-pro",     "u[image(url:gs://bucket/a.png)]",
     "u[image(url:gs://bucket/a.png,image/png)]",                                                                                                      ""           },
    {"own file id",                           R, "R gpt-5",            "u[image(openai:file-1)]",                   "u[image(openai:file-1)]",         ""           },
    {"foreign file id",                       R, "A claude-opus-4-8",  "u[image(openai:file-1)]",
     "400 input_image: this file id is another provider's",                                                                                            ""           },
    {"file id to one who copies the dialect", R, "C/compatible x",     "u[file(openai:file-1)]",
     "400 input_file: this file id is another provider's",                                                                                             ""           },
    {"Chat has no image by id",               R, "C gpt-5",            "u[image(openai:file-1)]",
     "400 input_image: images cannot be named by file id",                                                                                             ""           },
    {"an assistant's image",                  G, "A claude-opus-4-8",  "u['draw'] a[image(b64:" PNG ",image/png)]",
     "u['draw'] a['[image omitted]']",                                                                                                                 "~inlineData"},
    {"an assistant's image at home",          G, "G gemini-3-pro",     "a[image(b64:" PNG ",image/png)]",
     "a[image(b64:" PNG ",image/png)]",                                                                                                                ""           },
    {"system images are the user's",          C, "R gpt-5",
     "S['be' image(b64:" PNG ",image/png)] a['hi'] u['see'] s[image(b64:" JPEG ",image/jpeg)]",
     "S['be'] a['hi'] u[image(b64:" PNG ",image/png) 'see'] s[] "
     "u[image(b64:" JPEG ",image/jpeg)]",
     ""                                                                                                                                                             },
    {"a mark stays on it",                    C, "A claude-opus-4-8",  "u[image(b64:" PNG ")@5m]",
     "u[image(b64:" PNG ",image/png)@5m]",                                                                                                             ""           },
};

static const struct kit_case files[] = {
    {"pdf",                              C, "A claude-opus-4-8", "u[file(b64:" PDF ",application/pdf,'a.pdf')]",
     "u[file(b64:" PDF ",application/pdf,'a.pdf')]",                                                                                                                        ""},
    {"pdf called an image",              C, "A claude-opus-4-8", "u[image(b64:" PDF ",application/pdf)]",
     "u[file(b64:" PDF ",application/pdf)]",                                                                                                                                ""},
    {"an image called a file",           R, "A claude-opus-4-8", "u[file(b64:" PNG ")]",
     "u[image(b64:" PNG ",image/png)]",                                                                                                                                     ""},
    {"OpenAI wants a name",              A, "R gpt-5",           "u[file(b64:" PDF ",application/pdf)]",
     "u[file(b64:" PDF ",application/pdf,'file.pdf')]",                                                                                                                     ""},
    {"type from the name",               C, "A claude-opus-4-8", "u[file(b64:" HELLO ",,'a.TXT')]",
     "u[file(text:Hello,text/plain,'a.TXT')]",                                                                                                                              ""},
    {"a label that says nothing",        C, "A claude-opus-4-8",
     "u[file(b64:" HELLO ",application/octet-stream,'a.md')]",
     "u[file(text:Hello,text/plain,'a.md')]",                                                                                                                               ""},
    {"other types are not Anthropic's",  C, "A claude-opus-4-8", "u[file(b64:AAAA,application/zip)]",
     "400 file: the model's provider takes PDF and plain text",                                                                                                             ""},
    {"text that is none",                C, "A claude-opus-4-8", "u[file(b64:" BINARY ",text/plain)]",
     "400 file: the model's provider takes PDF and plain text",                                                                                                             ""},
    {"text is inlined for Chat",         A, "C gpt-5",
     "u[file(text:some words,text/plain,'my \"a\".txt')@5m]",                                                        "u['<file name=\"my 'a'.txt\">some words</file>'@5m]", ""},
    {"out of base64, too",               R, "C gpt-5",           "u[file(b64:" HELLO ",text/plain; charset=utf-8)]",
     "u['<file>Hello</file>']",                                                                                                                                             ""},
    {"but not what is no text",          R, "C gpt-5",           "u[file(b64:" BINARY ",text/plain)]",
     "u[file(b64:" BINARY ",text/plain,'file.txt')]",                                                                                                                       ""},
    {"text for Responses",               A, "R gpt-5",           "u[file(text:Hello,text/plain)]",
     "u[file(b64:" HELLO ",text/plain,'file.txt')]",                                                                                                                        ""},
    {"text for Gemini",                  A, "G gemini-3-pro",    "u[file(text:Hello,text/plain,'t')]",
     "u[file(b64:" HELLO ",text/plain,'t')]",                                                                                                                               ""},
    {"URL has no place in Chat",         A, "C gpt-5",           "u[file(url:" AT_HOST "a.pdf)]",
     "400 document: unsupported_file_url",                                                                                                                                  ""},
    {"URL to Responses",                 A, "R gpt-5",           "u[file(url:" AT_HOST "a.pdf)]",
     "u[file(url:" AT_HOST "a.pdf,application/pdf)]",                                                                                                                       ""},
    {"Anthropic's files by URL are PDF", A, "G gemini-3-pro",    "u[file(url:" AT_HOST "a)]",
     "u[file(url:" AT_HOST "a,application/pdf)]",                                                                                                                           ""},
    {"those of others may be anything",  R, "G gemini-3-pro",    "u[file(url:" AT_HOST "a)]",
     "400 input_file: the media type is not said",                                                                                                                          ""},
    {"no type at all",                   C, "R gpt-5",           "u[file(b64:AAAA,,'a')]",
     "400 file: the media type is not said",                                                                                                                                ""},
};

static const struct kit_case sounds[] = {
    {"wav",                      C, "R gpt-audio",       "u[audio(b64:AAAA,audio/x-wav)]",     "u[audio(b64:AAAA,audio/wav)]", ""},
    {"mpeg is mp3",              G, "C gpt-audio",       "u[audio(b64:AAAA,audio/mpeg)]",
     "u[audio(b64:AAAA,audio/mp3)]",                                                                                           ""},
    {"others are not OpenAI's",  G, "C gpt-audio",       "u[audio(b64:AAAA,audio/flac)]",
     "400 inlineData: the model's provider takes audio as wav or mp3, not \"audio/flac\"",                                     ""},
    {"but are Gemini's",         G, "G gemini-3-pro",    "u[audio(b64:AAAA,audio/flac)]",
     "u[audio(b64:AAAA,audio/flac)]",                                                                                          ""},
    {"sound by URL",             G, "R gpt-audio",       "u[audio(url:" AT_HOST "a.wav)]",
     "400 fileData: unsupported_audio_url",                                                                                    ""},
    {"no sound for Anthropic",   C, "A claude-opus-4-8", "u[audio(b64:AAAA,audio/wav)]",
     "400 input_audio: the model's provider takes no audio",                                                                   ""},
    {"no video for Anthropic",   G, "A claude-opus-4-8", "u[video(b64:AAAA,video/mp4)]",
     "400 inlineData: the model's provider takes no video",                                                                    ""},
    {"none for Responses",       C, "R gpt-5",           "u[video(url:" AT_HOST "a.mp4)]",
     "400 video_url: the model's provider takes no video",                                                                     ""},
    {"none for OpenAI",          C, "C gpt-5",           "u[video(url:" AT_HOST "a.mp4)]",
     "400 video_url: the model's provider takes no video",                                                                     ""},
    {"but for some who copy it", G, "C/compatible qwen", "u[video(b64:AAAA,video/mp4)]",
     "u[video(b64:AAAA,video/mp4)]",                                                                                           ""},
    {"a film by URL",            C, "G gemini-3-pro",    "u[video(url:https://youtu.be/abc)]",
     "u[video(url:https://youtu.be/abc,video/mp4)]",                                                                           ""},
};

static const struct kit_case results[] = {
    {"Chat: behind the results of the group",       A, "C gpt-5",
     "u[result(a)['see' image(b64:" PNG ",image/png)] result(b)[file(b64:" PDF
     ",application/pdf,'a')] 'so']",                                                                                       "u[result(a)['see' '[image attached]'] result(b)['[file attached]'] "
     "image(b64:" PNG ",image/png) file(b64:" PDF ",application/pdf,'a') 'so']",
     "~image ~document"                                                                                                                                                                                                  },
    {"Chat: text files become text where they are", A, "C gpt-5",
     "u[result(a)[file(text:words,text/plain)]]",                                                                          "u[result(a)['<file>words</file>']]",                                           ""            },
    {"Responses has them in results",               A, "R gpt-5",            "u[result(a)[image(b64:" PNG ",image/png)]]",
     "u[result(a)[image(b64:" PNG ",image/png)]]",                                                                                                                                                         ""            },
    {"so has Anthropic",                            R, "A claude-opus-4-8",  "u[result(a)[image(b64:" PNG ",image/png)]]",
     "u[result(a)[image(b64:" PNG ",image/png)]]",                                                                                                                                                         ""            },
    {"and new Gemini",                              R, "G gemini-3-pro",     "u[result(a)[image(b64:" PNG ",image/png)]]",
     "u[result(a)[image(b64:" PNG ",image/png)]]",                                                                                                                                                         ""            },
    {"older Gemini: beside the results",            R, "G gemini-2.5-flash",
     "u[result(a)['see' image(b64:" PNG ",image/png)] result(b)['x']]",
     "u[result(a)['see'] result(b)['x'] image(b64:" PNG ",image/png)]",                                                                                                                                    "~input_image"},
    {"a result is never left with nothing",         R, "G gemini-2.5-flash",
     "u[result(a)[image(b64:" PNG ",image/png)]]",
     "u[result(a)['[image attached]'] image(b64:" PNG ",image/png)]",                                                                                                                                      "~input_image"},
    {"what the target lacks is refused there, too", C, "A claude-opus-4-8",
     "u[result(a)[audio(b64:AAAA,audio/wav)]]",                                                                            "400 input_audio: the model's provider takes no audio in the result of a tool", ""            },
};

static void test_images(void **state)
{
    (void)state;
    kit_run(images, ARRAY_LEN(images), shape_media);
}

static void test_files(void **state)
{
    (void)state;
    kit_run(files, ARRAY_LEN(files), shape_media);
}

static void test_sounds(void **state)
{
    (void)state;
    kit_run(sounds, ARRAY_LEN(sounds), shape_media);
}

static void test_results(void **state)
{
    (void)state;
    kit_run(results, ARRAY_LEN(results), shape_media);
}

/* Out of a JSON string that escapes its slashes. */
static void test_escaped(void **state)
{
    struct chat_target t = kit_target("A claude-opus-4-8");
    struct err_info e = {0};
    struct buf out = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    kit_read(&r, "u[image(b64:x,image/png) file(b64:y,text/plain)]");
    list_entry(list_entry(r.turns.next, struct chat_turn, link)->items.next, struct chat_item, link)
        ->media.data = (struct chat_text){SLICE("\\/9j\\/4AAQ"), true};
    list_entry(list_entry(r.turns.next, struct chat_turn, link)->items.prev, struct chat_item, link)
        ->media.data = (struct chat_text){SLICE("Pz8\\/"), true};
    assert_int_equal(shape_media(&r, &t, &e), ERR_NONE);
    assert_string_equal(kit_print(&r, &out),
                        "u[image(b64:/9j/4AAQ,image/jpeg) file(text:\?\?\?,text/plain)]");
    arena_release(&a);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),  cmocka_unit_test(test_files),
        cmocka_unit_test(test_sounds),  cmocka_unit_test(test_results),
        cmocka_unit_test(test_escaped),
    };
    return cmocka_run_group_tests_name("shape_media", tests, NULL, NULL);
}
