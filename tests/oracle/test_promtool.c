/* Pages through readers that others wrote: promtool, and the parser of the Python client. */
#include <inttypes.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/everything.h"

/*==============================================================================
 * promtool
 *============================================================================*/

static void check(cprom_registry *r, bool self_metrics, bool clean)
{
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .self_metrics = self_metrics), 65536);
    if (clean) promtool_assert_clean(page.text, page.len);
    else promtool_assert_parses(page.text, page.len);
    ct_page_free(&page);
}

static void test_promtool_page_of_instruments_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_instruments(fixture->registry);
    check(fixture->registry, false, true);
}

static void test_promtool_page_of_a_collector_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_collector(fixture->registry, "clean", emit_clean, NULL);
    check(fixture->registry, false, true);
}

static void test_promtool_page_of_self_metrics_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_instruments(fixture->registry);
    add_collector(fixture->registry, "clean", emit_clean, NULL);
    add_collector(fixture->registry, "failing", emit_and_fail, NULL);
    check(fixture->registry, true, true);
}

static void test_promtool_empty_page_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    check(((ct_fixture *)*state)->registry, false, true);
}

static void test_promtool_odd_page_parses(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_collector(fixture->registry, "odd", emit_odd, NULL);
    add_collector(fixture->registry, "foreign", emit_foreign_counter, NULL);
    check(fixture->registry, false, false);
    assert_int_equal(ct_log_count(&fixture->log), 0);
}

static void test_promtool_page_with_everything_parses(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    cprom_registry *r = registry_with_everything(fixture);
    check(r, true, false);
    assert_int_equal(ct_log_count(&fixture->log), 2); /* the failing one, and the one with the families of another */
    cprom_registry_free(r);
}

/* The other readers look at the same pages: were a broken one let through, they would say nothing of ours. */
static void test_promtool_broken_page_does_not_parse(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    static const char broken[] = "# TYPE g gauge\ng{l=\"x} 1\n";
    assert_int_equal(promtool_check_metrics(broken, strlen(broken), NULL), 1);
}

/*==============================================================================
 * The Python client
 *============================================================================*/

/* What readback.py prints for this page, or NULL where the package is missing. */
static char *read_back(const char *page, size_t len)
{
    char path[] = "/tmp/cprom-test-XXXXXX", command[4096 + 512];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(page, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    /* The package is the distribution's, and so must the Python be. */
    snprintf(command, sizeof command,
             "python=/usr/bin/python3; [ -x $python ] || python=$(command -v python3) || exit 77; "
             "$python '%s/../e2e/readback.py' <%s", CPROM_TEST_DATA, path);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    size_t used = 0, cap = 1 << 16;
    char *text = malloc(cap);
    assert_non_null(text);
    for (size_t n; (n = fread(text + used, 1, cap - 1 - used, output)) > 0;) {
        used += n;
        if (used + 1 == cap) text = realloc(text, cap *= 2);
        assert_non_null(text);
    }
    text[used] = '\0';
    int status = pclose(output);
    unlink(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        free(text);
        return NULL;
    }
    assert_int_equal(status, 0);
    return text;
}

static void put_hex(FILE *out, const char *text)
{
    for (; *text; text++) fprintf(out, "%02x", (unsigned char)*text);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const parser_label *)left)->name, ((const parser_label *)right)->name);
}

/* The same text from what our own parser has read. */
static char *expected_back(const parser_page *page)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "summary", "unknown"};
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    for (size_t f = 0; f < page->n_families; f++) {
        const parser_family *family = &page->families[f];
        size_t name_len = strlen(family->name);
        bool total = family->type == PARSER_COUNTER && name_len > 6 && strcmp(family->name + name_len - 6,
                                                                              "_total") == 0;
        fprintf(out, "family %.*s %s ", (int)(total ? name_len - 6 : name_len), family->name, types[family->type]);
        put_hex(out, family->help ? family->help : "");
        fputc('\n', out);
        for (size_t s = family->first_sample; s < family->first_sample + family->n_samples; s++) {
            const parser_sample *sample = &page->samples[s];
            parser_label labels[CPROM_LABELS_MAX + CPROM_CONST_LABELS_MAX + 1];
            if (sample->n_labels) memcpy(labels, sample->labels, sample->n_labels * sizeof *labels);
            qsort(labels, sample->n_labels, sizeof *labels, by_name);
            fputs(sample->name, out);
            for (size_t i = 0; i < sample->n_labels; i++) {
                fprintf(out, " %s=", labels[i].name);
                put_hex(out, labels[i].value);
            }
            uint64_t bits;
            memcpy(&bits, &sample->value, sizeof bits);
            if (isnan(sample->value)) fputs(" nan", out);
            else fprintf(out, " %016" PRIx64, bits);
            if (sample->has_timestamp) fprintf(out, " %" PRId64 "\n", sample->timestamp);
            else fputs(" -\n", out);
        }
    }
    fclose(out);
    return text;
}

static void test_python_client_reads_back_the_same_samples(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = registry_with_everything(fixture);
    /* That timestamp is beyond what the Python client, with seconds in a double, gives back. */
    assert_ok(cprom_registry_unregister(r, "odd"));
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .self_metrics = true), 65536);
    char *expected = expected_back(page.parsed), *actual = read_back(page.text, page.len);
    size_t samples = page.parsed->n_samples;
    ct_page_free(&page);
    cprom_registry_free(r);
    if (actual) ct_assert_text_equal(actual, expected);
    bool skipped = !actual;
    free(expected);
    free(actual);
    assert_in_range(samples, 100, 1000);
    if (skipped) ct_skip("no python3-prometheus-client");
}

int group_promtool(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_promtool_page_of_instruments_is_clean),
        TEST(test_promtool_page_of_a_collector_is_clean),
        TEST(test_promtool_page_of_self_metrics_is_clean),
        TEST(test_promtool_empty_page_is_clean),
        TEST(test_promtool_odd_page_parses),
        TEST(test_promtool_page_with_everything_parses),
        TEST(test_promtool_broken_page_does_not_parse),
        TEST(test_python_client_reads_back_the_same_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
