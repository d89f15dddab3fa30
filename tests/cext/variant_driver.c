/* One variant of the kernels as a program, so that it also runs under emulation:
 *
 *     driver NAME          answers calls, read from standard input, until it ends
 *     driver NAME sweep    compares every length to 600 (CRC: 1300), at many places, with the plain kernels
 *
 * All data lie between two pages that cannot be touched, so that one byte too far is a crash. */
#define _GNU_SOURCE
#include "variants.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LENGTH_MAX = 600, CRC_LENGTH_MAX = 1300, AREA_BYTES = 1 << 16, PAGE_MAX = 1 << 16 };

typedef struct {
    uint8_t *start, *end;
} area;

typedef struct {
    uint8_t kernel, bits;
    uint16_t place; /* bytes from the start of the area; 0xFFFF: against its end */
    uint32_t size;
    uint64_t value; /* the CRC before; the digest's index; whether to write past the caches */
} call;

/* What a call gives: two numbers, and the bytes in an area. */
typedef struct {
    uint64_t values[2];
    size_t size;
} outcome;

static area make_area(void)
{
    size_t whole = AREA_BYTES + 2 * PAGE_MAX;
    uint8_t *memory = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + PAGE_MAX, AREA_BYTES, PROT_READ | PROT_WRITE) != 0)
        exit(3);
    return (area){memory + PAGE_MAX, memory + PAGE_MAX + AREA_BYTES};
}

static uint8_t *place_in(area where, const call *what, size_t size)
{
    return what->place == 0xFFFF ? where.end - size : where.start + what->place;
}

typedef struct {
    ll_work work;
    uint64_t steps;
} counted_work;

static void count_step(ll_work *work)
{
    ((counted_work *)work)->steps++;
}

static outcome run(const ll_variant *variant, const call *what, const uint8_t *data, area out)
{
    outcome result = {{0, 0}, 0};
    int row = ll_raw_row(what->bits);
    const ll_raw_width *width = row < 0 ? NULL : &ll_raw_widths[row];
    if (what->kernel == 'c')
        result.values[0] = variant->crc((uint32_t)what->value, data, what->size, NULL);
    if (what->kernel == 'w') { /* with something else to do on the way */
        counted_work counted = {{count_step}, 0};
        result.values[0] = variant->crc((uint32_t)what->value, data, what->size, &counted.work);
        result.values[1] = counted.steps;
    }
    if (what->kernel == 'd') {
        ll_sums sums = {{0}, {0}};
        variant->digest(&sums, data, what->size, what->value);
        ll_digest_total(result.values, &sums);
    }
    if (what->kernel == 'u') {
        size_t groups = what->size / width->group_bytes;
        result.size = groups * width->group_pixels * 2;
        variant->unpack[row](data, (uint16_t *)place_in(out, what, result.size), groups, what->value != 0);
    }
    if (what->kernel == 'p') {
        size_t groups = what->size / 2 / width->group_pixels;
        result.size = groups * width->group_bytes;
        uint8_t *to = place_in(out, what, result.size);
        result.values[0] = variant->pack[row]((const uint16_t *)data, to, groups);
    }
    if (what->kernel == 's') { /* ll_pack's way past the caches */
        ll_kernels = variant;
        size_t groups = what->size / 2 / width->group_pixels;
        result.size = groups * width->group_bytes;
        uint8_t *to = place_in(out, what, result.size);
        result.values[0] = variant->stream ? ll_pack_streaming(row, (const uint16_t *)data, to, groups)
                                           : variant->pack[row]((const uint16_t *)data, to, groups);
    }
    return result;
}

/* ---- Answers ---- */

static int answer(const ll_variant *variant, area in, area out)
{
    call what;
    while (fread(&what, sizeof what, 1, stdin) == 1) {
        if (what.size > AREA_BYTES / 4 || (what.place != 0xFFFF && what.place > 4096))
            return 4;
        uint8_t *data = place_in(in, &what, what.size);
        if (fread(data, 1, what.size, stdin) != what.size)
            return 4;
        outcome result = run(variant, &what, data, out);
        uint32_t size = (uint32_t)result.size;
        fwrite(result.values, sizeof result.values, 1, stdout);
        fwrite(&size, sizeof size, 1, stdout);
        fwrite(place_in(out, &what, size), 1, size, stdout);
        fflush(stdout);
    }
    return 0;
}

/* ---- The sweep ---- */

static uint8_t random_byte(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (uint8_t)(state >> 24);
}

/* Random bytes; for packing, random pixels of the range, sometimes one above it. */
static void fill(uint8_t *data, const call *what)
{
    for (size_t i = 0; i < what->size; i++)
        data[i] = random_byte();
    if (what->kernel == 'p' || what->kernel == 's')
        for (size_t i = 1; i < what->size; i += 2)
            data[i] &= (uint8_t)((1u << (what->bits - 8)) - 1);
    if (what->kernel == 'p' && what->size > 1 && what->bits < 16 && what->size % 3 == 0)
        data[what->size - 1] = 0x80;
}

/* Compares one call; for a wrong pixel, what is packed is undefined, but not where. */
static int differs(const ll_variant *variant, const call *what, area in, area out, area expected)
{
    uint8_t *data = place_in(in, what, what->size);
    fill(data, what);
    size_t seen = 4096;
    uint8_t *first = what->place == 0xFFFF ? out.end - seen : out.start;
    uint8_t *second = what->place == 0xFFFF ? expected.end - seen : expected.start;
    memset(first, 0xEE, seen);
    memset(second, 0xEE, seen);
    outcome ours = run(variant, what, data, out), theirs = run(&ll_variants[0], what, data, expected);
    if (what->kernel == 'p' && theirs.values[0] >> what->bits)
        return ours.values[0] != theirs.values[0];
    return memcmp(&ours, &theirs, sizeof ours) != 0 || memcmp(first, second, seen) != 0;
}

static long sweep_kernel(const ll_variant *variant, call what, area in, area out, area expected)
{
    static const uint16_t places[] = {0xFFFF, 0, 2, 4, 8, 14, 16, 30, 32, 48, 62, 1, 13, 63};
    int pixels_are_read = what.kernel == 'p' || what.kernel == 's' || what.kernel == 'u';
    long count = 0;
    uint32_t length_max = what.kernel == 'c' ? CRC_LENGTH_MAX : LENGTH_MAX;
    for (what.size = 0; what.size <= length_max; what.size++)
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            what.place = places[i];
            if (pixels_are_read && what.place % 2 == 1 && what.place != 0xFFFF)
                continue; /* pixels are aligned */
            if (pixels_are_read && what.kernel != 'u' && what.size % 2 == 1)
                continue;
            if (differs(variant, &what, in, out, expected)) {
                printf("%s: kernel %c, RAW%d, %u bytes at %u, value %llu\n", variant->name, what.kernel,
                       what.bits, what.size, what.place, (unsigned long long)what.value);
                exit(1);
            }
            count++;
        }
    return count;
}

static int sweep(const ll_variant *variant, area in, area out)
{
    area expected = make_area();
    long count = 0;
    for (uint64_t value = 0; value < 2; value++) {
        uint64_t start = value * 0x9E3779B97F4A7C15u;
        count += sweep_kernel(variant, (call){'c', 0, 0, 0, (uint32_t)start}, in, out, expected);
        count += sweep_kernel(variant, (call){'d', 0, 0, 0, start}, in, out, expected);
        for (int bits = 8; bits <= 16; bits += 2)
            count += sweep_kernel(variant, (call){'u', (uint8_t)bits, 0, 0, value}, in, out, expected);
    }
    for (int bits = 8; bits <= 16; bits += 2) {
        count += sweep_kernel(variant, (call){'p', (uint8_t)bits, 0, 0, 0}, in, out, expected);
        count += sweep_kernel(variant, (call){'s', (uint8_t)bits, 0, 0, 0}, in, out, expected);
    }
    printf("%ld\n", count);
    return 0;
}

int main(int count, char **arguments)
{
    ll_start();
    area in = make_area(), out = make_area();
    for (int row = 0; count > 1 && row < LL_VARIANT_COUNT; row++)
        if (strcmp(ll_variants[row].name, arguments[1]) == 0)
            return count > 2 ? sweep(&ll_variants[row], in, out) : answer(&ll_variants[row], in, out);
    return 2;
}
