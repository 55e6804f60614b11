// Matrix products of bfloat16 numbers, which have the first 16 bits of a float, by the tiles of AMX: sums in single precision.
//
// A product with one of these costs an eighth of its time in single precision, or less. AVX-512 has an instruction for two
// products of such numbers, too (VDPBF16PS); where it was tried, on the same processor, it does half as many as FMA.
//
// Included by recurrence.cpp, whose words these are.

#if defined(__AVX512BW__) && (__has_include(<amxbf16intrin.h>) || __has_include(<amxintrin.h>))
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#define HAS_TILES

namespace {

// A row of a tile has 64 bytes: 16 sums, or 32 numbers of a row that is read; or of a panel, two numbers for each of 16 columns.
constexpr Size tile_rows = 16, tile_depth = 32;
using Half = uint16_t;

// Whether the processor has tiles, and the system lets this process use them. It has to be asked, since they are large to
// save when another process takes its turn.
bool may_use_tiles() {
    static const bool may = [] {
        constexpr unsigned bfloat16 = 1 << 22, tiles = 1 << 24, conversion = 1 << 5;
        constexpr long request_permission = 0x1023, data_of_tiles = 18;
        unsigned a, b, c, d;
        if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bfloat16) || !(d & tiles)) return false;
        if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & conversion)) return false;
        return syscall(SYS_arch_prctl, request_permission, data_of_tiles) == 0;
    }();
    return may;
}

// While this lives, this thread has eight tiles of 16 rows.
struct Tiles {
    struct alignas(64) Layout {
        uint8_t palette = 1, start = 0, reserved[14] = {};
        uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    [[gnu::target("amx-tile")]] Tiles() {
        const Layout layout;
        asm volatile("" : : "r"(&layout) : "memory");
        _tile_loadconfig(&layout);
    }
    [[gnu::target("amx-tile")]] ~Tiles() { _tile_release(); }
};

// Rounds numbers to the nearest.
[[gnu::target("avx512bf16,avx512bw,avx512vl"), gnu::noinline]] void round_to_halves(Half* to, const float* from, Size count) {
    for (Size place = 0; place < count; place += lanes) {
        const auto mask = static_cast<__mmask16>(count - place >= lanes ? 0xffff : (1 << (count - place)) - 1);
        const __m256bh halves = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from + place));
        _mm256_mask_storeu_epi16(to + place, mask, (__m256i)halves);
    }
}

// The same of two rows, whose numbers stand in turns: 16 of each row, `stride` numbers further on the next ones.
[[gnu::target("avx512bf16,avx512bw,avx512vl"), gnu::noinline]] void round_in_turns(Half* to, Size stride, const float* first,
                                                                                  const float* second, Size count) {
    alignas(64) Half turns[32];
    for (Half place = 0; place < 16; ++place) turns[2 * place] = place, turns[2 * place + 1] = place + 16;
    const __m512i in_turns = _mm512_load_si512(turns);
    for (Size place = 0; place < count; place += lanes, to += stride) {
        const auto mask = static_cast<__mmask16>(count - place >= lanes ? 0xffff : (1 << (count - place)) - 1);
        const auto halves = (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(mask, second + place),
                                                         _mm512_maskz_loadu_ps(mask, first + place));
        _mm512_storeu_si512(to, _mm512_permutexvar_epi16(in_turns, halves));
    }
}

// to (16 * rows, 16 * columns) = or += left times panels, of which each has 16 columns.
template <Size rows, Size columns>
[[gnu::target("amx-tile,amx-bf16"), gnu::noinline]] void add_tiles(float* const (&to)[2], Size to_stride, bool add,
                                                                   const Half* left, Size left_stride, Size depth,
                                                                   const Half* const (&panels)[2]) {
    asm volatile("" : : : "memory");  // the intrinsics do not say that they read
    const Size next = tile_rows * to_stride, to_bytes = to_stride * sizeof(float), left_bytes = left_stride * sizeof(Half);
    if (add) {
        _tile_loadd(0, to[0], to_bytes);
        if constexpr (columns == 2) _tile_loadd(1, to[1], to_bytes);
        if constexpr (rows == 2) _tile_loadd(2, to[0] + next, to_bytes);
        if constexpr (rows == 2 && columns == 2) _tile_loadd(3, to[1] + next, to_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (Size k = 0; k < depth; k += tile_depth) {
        _tile_loadd(6, panels[0] + k * tile_rows, 64);
        _tile_loadd(4, left + k, left_bytes);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (columns == 2) _tile_loadd(7, panels[1] + k * tile_rows, 64);
        if constexpr (columns == 2) _tile_dpbf16ps(1, 4, 7);
        if constexpr (rows == 2) _tile_loadd(5, left + tile_rows * left_stride + k, left_bytes);
        if constexpr (rows == 2) _tile_dpbf16ps(2, 5, 6);
        if constexpr (rows == 2 && columns == 2) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, to[0], to_bytes);
    if constexpr (columns == 2) _tile_stored(1, to[1], to_bytes);
    if constexpr (rows == 2) _tile_stored(2, to[0] + next, to_bytes);
    if constexpr (rows == 2 && columns == 2) _tile_stored(3, to[1] + next, to_bytes);
}

// The same for any number of rows, up to the next multiple of 16, and for the first of the panels or both.
void add_tiles(float* first, float* second, Size to_stride, bool add, const Half* left, Size left_stride, Size rows, Size depth,
               const Half* panel, const Half* next_panel) {
    const Half* const panels[2] = {panel, next_panel};
    const Size pair = 2 * tile_rows;
    for (Size row = 0; row < rows; row += pair, left += pair * left_stride) {
        float* const to[2] = {first + row * to_stride, second ? second + row * to_stride : nullptr};
        const bool tall = rows - row > tile_rows;
        if (tall && second) add_tiles<2, 2>(to, to_stride, add, left, left_stride, depth, panels);
        else if (tall) add_tiles<2, 1>(to, to_stride, add, left, left_stride, depth, panels);
        else if (second) add_tiles<1, 2>(to, to_stride, add, left, left_stride, depth, panels);
        else add_tiles<1, 1>(to, to_stride, add, left, left_stride, depth, panels);
    }
}

// What `Single` has, for products of rounded numbers.
struct Rounded {
    using Number = Half;
    static constexpr bool is_exact = false;
    using Mode = Tiles;
    static constexpr Size few_rows = 2 * tile_rows;
    static Size whole(Size depth) { return (depth + tile_depth - 1) / tile_depth * tile_depth; }
    static Size whole_rows(Size rows) { return (rows + tile_rows - 1) / tile_rows * tile_rows; }
    static void read(Half* to, const float* from, Size count) { round_to_halves(to, from, count); }

    static Buffer forward_panels(const float* weights, Gates gates, Size units, Size depth) {
        const Size pairs = whole(depth) / 2;  // of numbers, which are moved as one float
        Buffer panels = memory_for(gates.count() * units * pairs);
        const Array<Half> rows(lanes * 2 * pairs);
        float* to = panels.get();
        for (Size unit = 0; unit < units; unit += lanes)
            for (Size number = 0; number < gates.count(); ++number, to += lanes * pairs) {
                for (Size lane = 0; lane < lanes; ++lane)
                    read(rows.get() + lane * 2 * pairs, at(weights, number * units + unit + lane, depth), depth);
                interleave(to, lanes, rows.memory.get(), pairs);
            }
        return panels;
    }

    // The rows of each gate are filled up with zeros to whole tiles.
    static Buffer backward_panels(const float* weights, Gates gates, Size units, Size columns) {
        const Size depth = gates.count() * whole(units), width = whole_vectors(columns);
        Array<Half> panels(depth * width);
        for (Size row = 0; row < gates.count() * units; row += 2) {
            const Size k = row / units * whole(units) + row % units;
            round_in_turns(panels.get() + k * lanes, lanes * depth, at(weights, row, columns), at(weights, row + 1, columns),
                           columns);
        }
        return std::move(panels.memory);
    }

    static void add_to_all_sums(Vec (*sums)[4], Gates gates, Size rows, const Half* left, Size depth, const float* panels) {
        auto* to = reinterpret_cast<float*>(sums);
        auto* panel = reinterpret_cast<const Half*>(panels);
        for (Size number = 0; number < gates.count(); number += 2, panel += 2 * lanes * depth)
            add_tiles(to + gates[number] * lanes, number + 1 < gates.count() ? to + gates[number + 1] * lanes : nullptr,
                      4 * lanes, true, left, depth, rows, depth, panel, panel + lanes * depth);
    }

    static void multiply_gates(float* to, Size width, const Half* gates, Gates which, Size rows, Size units,
                               const float* panels) {
        const Size gate = whole(units), before = which.left_out * gate, all = which.count() * gate;
        for (Size column = 0; column < width; column += 2 * lanes) {
            auto* panel = reinterpret_cast<const Half*>(panels) + column * all;
            for (Size k = 0, depth = 0; k < all; k += depth) {
                depth = (k < before ? std::min(before, all) : all) - k;
                add_tiles(to + column, column + lanes < width ? to + column + lanes : nullptr, width, k > 0,
                          gates + (k < before ? k : k + gate), 4 * gate, rows, depth, panel + k * lanes,
                          panel + lanes * all + k * lanes);
            }
        }
    }
};

}  // namespace

#endif
