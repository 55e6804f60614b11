// One layer of LSTM or GRU over sequences of different lengths, in single precision, forward and backward.
//
// What makes it fast:
// - The rows (sequences) of a batch are cut into chunks, and each chunk runs through all its steps alone: threads
//   never wait for each other, and the state of a chunk stays in the cache.
// - Rows are sorted by length, so those that still run at a step are the first ones: padding costs nothing.
// - A step is one product: the hidden state times its weights. The gates are finished where the product leaves them.
//   What the inputs add to it is computed for several steps together, so that their weights are read less often.
// - What the backward pass needs is kept step by step without padding. It overwrites the gates by their gradients;
//   the gradient of the weights is then a single large product, which the caller leaves to torch.
//
// A row's numbers do not depend on the rows beside it, on the number of threads, or on who computed them.

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using Size = int64_t;

// Numbers that the processor computes side by side, here hidden units; build.py says for which processor this is compiled.
#if defined(__AVX512F__)
constexpr Size registers = 32, vector_bytes = 64;
#elif defined(__AVX2__)
constexpr Size registers = 16, vector_bytes = 32;
#else
constexpr Size registers = 32, vector_bytes = 16;
#endif
typedef float Vec __attribute__((vector_size(vector_bytes)));
typedef int32_t Ints __attribute__((vector_size(vector_bytes)));

// NaN stays NaN: where one number is, the second wins.
#if defined(__AVX512F__)
inline Vec lesser(Vec bound, Vec x) { return _mm512_min_ps(bound, x); }
inline Vec greater(Vec bound, Vec x) { return _mm512_max_ps(bound, x); }
inline Vec reciprocal(Vec x) {
    const Vec rough = _mm512_rcp14_ps(x);  // to 14 bits; a step of Newton's doubles them
    return rough + rough * (1.0f - x * rough);
}
#else
#if defined(__AVX2__)
inline Vec lesser(Vec bound, Vec x) { return _mm256_min_ps(bound, x); }
inline Vec greater(Vec bound, Vec x) { return _mm256_max_ps(bound, x); }
#else
inline Vec lesser(Vec bound, Vec x) { return bound < x ? bound : x; }
inline Vec greater(Vec bound, Vec x) { return bound > x ? bound : x; }
#endif
inline Vec reciprocal(Vec x) { return 1.0f / x; }
#endif

constexpr Size lanes = vector_bytes / sizeof(float);
constexpr Size across = registers / 8;  // vectors of a tile side by side
constexpr Size tile = 6;                // rows of a tile: 6 x across sums, a row of weights and a number fill the registers
constexpr Size few_rows = 4 * tile;     // of a chunk, whose numbers stay in the second-level cache beside the weights
constexpr Size max_rows = 16 * tile;    // of a chunk, if the weights do not stay there: each number is then used more often
constexpr Size many_weights = 1 << 18;
constexpr Size rows_ahead = 8 * tile;   // of several steps, whose inputs are read together
constexpr Size depth_at_once = 8192 / (across * lanes);  // of a panel: 32 kB, for the first-level cache
constexpr Size min_products = 1 << 20;  // products that are worth a thread: less time than these is lost in waking it

inline Vec load(const float* from) {
    Vec values;
    std::memcpy(&values, from, sizeof values);
    return values;
}
inline void store(float* to, Vec values) { std::memcpy(to, &values, sizeof values); }
inline Vec fill(float value) { return Vec{} + value; }
const float* at(const float* rows, Size row, Size width) { return rows + row * width; }
float* at(float* rows, Size row, Size width) { return rows + row * width; }

// e^x to seven digits: a power of two, and a polynomial for what is left of x, fitted to the least of the largest relative
// errors, 3e-9.
inline Vec exponential(Vec x) {
    constexpr float shift = 12582912.0f;  // 1.5 * 2^23: the last bits of a number this large are a whole number
    x = greater(fill(-87.0f), lesser(fill(87.0f), x));
    const Vec shifted = x * 1.44269504f + shift;
    const Vec whole = shifted - shift;
    const Vec rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;  // ln 2 in two parts
    Vec sum = fill(1.3814598513e-3f);
    sum = sum * rest + 8.3687168836e-3f;
    sum = sum * rest + 4.1668388048e-2f;
    sum = sum * rest + 1.6666520632e-1f;
    sum = sum * rest + 4.9999993448e-1f;
    sum = sum * rest * rest + (rest + 1.0f);
    return sum * (Vec)(((Ints)shifted << 23) + (127 << 23));
}

inline Vec sigmoid(Vec x) { return reciprocal(1.0f + exponential(-x)); }
inline Vec tanh(Vec x) { return 2.0f * sigmoid(x + x) - 1.0f; }
inline Vec slope_of_sigmoid(Vec y) { return y * (1.0f - y); }
inline Vec slope_of_tanh(Vec y) { return 1.0f - y * y; }

// The gates to which the hidden state, or the input, adds something: the four but one, or all if none is left out.
struct Gates {
    Size left_out;
    constexpr Size count() const { return left_out < 4 ? 3 : 4; }
    constexpr Size operator[](Size number) const { return number + (number >= left_out); }
};

// A cell turns four sums into gates, and its memory of the step before into the next one; both show in the hidden
// state. What `step` leaves in `gates` is kept; `back` turns it into the gradients of the sums, and the gradient of
// the memory after the step into that of the memory before it.
struct Lstm {
    static constexpr Gates of_hidden{4}, of_input{4};
    [[gnu::always_inline]] static inline void step(Vec (&gates)[4], Vec& memory) {
        gates[0] = sigmoid(gates[0]);  // input
        gates[1] = sigmoid(gates[1]);  // forget
        gates[2] = tanh(gates[2]);     // candidate
        gates[3] = sigmoid(gates[3]);  // output
        memory = gates[1] * memory + gates[0] * gates[2];
    }
    [[gnu::always_inline]] static inline Vec hidden(const Vec (&gates)[4], Vec memory) { return gates[3] * tanh(memory); }
    [[gnu::always_inline]] static inline void back(Vec (&gates)[4], Vec memory, Vec before, Vec d_hidden, Vec& d_memory) {
        const Vec input = gates[0], forget = gates[1], candidate = gates[2], output = gates[3];
        const Vec shown = tanh(memory);
        const Vec d = d_hidden * output * slope_of_tanh(shown) + d_memory;
        gates[0] = d * candidate * slope_of_sigmoid(input);
        gates[1] = d * before * slope_of_sigmoid(forget);
        gates[2] = d * input * slope_of_tanh(candidate);
        gates[3] = d_hidden * shown * slope_of_sigmoid(output);
        d_memory = d * forget;
    }
};

// The memory of a GRU is its hidden state. The candidate has two sums, since the reset gate stands between them.
struct Gru {
    static constexpr Gates of_hidden{2}, of_input{3};
    [[gnu::always_inline]] static inline void step(Vec (&gates)[4], Vec& memory) {
        gates[0] = sigmoid(gates[0]);                     // reset
        gates[1] = sigmoid(gates[1]);                     // update
        gates[2] = tanh(gates[2] + gates[0] * gates[3]);  // candidate; gates[3] is its sum over the hidden state
        memory = gates[2] + gates[1] * (memory - gates[2]);
    }
    [[gnu::always_inline]] static inline Vec hidden(const Vec (&)[4], Vec memory) { return memory; }
    [[gnu::always_inline]] static inline void back(Vec (&gates)[4], Vec, Vec before, Vec d_hidden, Vec& d_memory) {
        const Vec reset = gates[0], update = gates[1], candidate = gates[2];
        const Vec d = d_hidden + d_memory;
        const Vec d_candidate = d * (1.0f - update) * slope_of_tanh(candidate);
        gates[0] = d_candidate * gates[3] * slope_of_sigmoid(reset);
        gates[1] = d * (before - candidate) * slope_of_sigmoid(update);
        gates[2] = d_candidate;
        gates[3] = d_candidate * reset;
        d_memory = d * update;
    }
};

}  // namespace

extern "C" {
// What both passes take of one direction; layer.py has it, too. Directions of a layer share the sequences and the array that
// they write, side by side. An array that is not wanted is null.
struct Arguments {
    Size batch, time, inputs, units, threads;
    Size from_end;                       // whether each sequence is read from its own last step to its first
    Size base_stride;                    // from a row of `base` to the next one; 0 if it is the same for all
    Size written_stride;                 // from a step of `written` to the next one
    Size rounds;                         // whether products are of numbers that are rounded to bfloat16
    const Size *order, *lengths;         // (batch,): rows from the longest to the shortest; steps of each row
    const float* values;                 // (batch, time, inputs)
    const float *recurrent, *input;      // weights: (gates * units, units) of the hidden state, (gates * units, inputs)
    const float* base;                   // (batch, 4 * units) or (4 * units,): added to the sums at every step
    const float *hidden, *memory;        // (batch, units): before the first step
    float* written;                      // (batch, time, units of all); in the backward pass its gradient, which is read
    float *reads, *gates, *cells;        // (steps, units + inputs + 1), (steps, 4 * units), (steps, units)
    float* d_values;                     // (batch, time, inputs)
    float* d_base;                       // (batch, 4 * units); null if `base` is the same for all
    float *d_hidden, *d_memory;          // (batch, units)
};
}

namespace {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<float, Free>;

Buffer memory_for(Size count) {
    const Size bytes = (count * sizeof(float) + 63) / 64 * 64;
    auto* memory = static_cast<float*>(std::aligned_alloc(64, bytes));
    if (!memory && bytes) throw std::bad_alloc();
    return Buffer(memory);
}

Buffer zeros(Size count) {
    Buffer memory = memory_for(count);
    if (count) std::memset(memory.get(), 0, count * sizeof(float));
    return memory;
}

// Zeros at first.
template <class Number>
struct Array {
    Buffer memory;
    explicit Array(Size count) : memory(zeros((count * sizeof(Number) + sizeof(float) - 1) / sizeof(float))) {}
    Number* get() const { return reinterpret_cast<Number*>(memory.get()); }
};

void copy(float* to, const float* from, Size count) {
    if (count) std::memcpy(to, from, count * sizeof(float));
}

// While this lives, numbers below 1e-38 are zero in this thread. A gradient that fades on its way back through many steps ends
// among them, where each operation takes a hundred times as long on x86.
struct WithoutDenormals {
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    WithoutDenormals() { _mm_setcsr(before | _MM_FLUSH_ZERO_ON | 0x40); }  // 0x40: those that are read, too
    ~WithoutDenormals() { _mm_setcsr(before); }
#endif
};

// How many of these threads can be started. OpenMP ends the process when it can't start one, for lack of memory or by a
// limit on them. So they are tried first; their stacks are kept for those of OpenMP.
Size startable(Size threads) {
    thread_local Size started = 1;  // OpenMP has threads for each thread that calls it
    if (threads <= started) return threads;
    std::atomic<bool> done{false};
    std::vector<std::thread> tried;
    try {
        tried.reserve(threads - 1);
        for (Size count = 1; count < threads; ++count)
            tried.emplace_back([&] { while (!done) std::this_thread::yield(); });
    } catch (const std::system_error&) {
    }
    done = true;
    for (std::thread& thread : tried) thread.join();
    return started = 1 + static_cast<Size>(tried.size());
}

// Which rows still run at each step: of `order`, which begins with the longest, the first ones. What is kept of a step lies
// behind what is kept of the steps before, whatever chunks the rows are cut into, so that sums over all of it are the same.
struct Schedule {
    std::vector<Size> running, start;  // rows that run at each step, and how many have run before it

    explicit Schedule(const Arguments& layer) {
        const Size longest = layer.batch ? layer.lengths[layer.order[0]] : 0;
        for (Size step = 0, rows = layer.batch, before = 0; step < longest; ++step) {
            while (layer.lengths[layer.order[rows - 1]] <= step) --rows;
            running.push_back(rows);
            start.push_back(before);
            before += rows;
        }
    }
};

// Rows that run together: `order[first]`, the longest, and those after it.
struct Chunk {
    const Schedule& schedule;
    const Size *order, *lengths;
    Size time, from_end, first, rows;

    Chunk(const Arguments& layer, const Schedule& schedule, Size first, Size count)
        : schedule(schedule), order(layer.order + first), lengths(layer.lengths), time(layer.time),
          from_end(layer.from_end), first(first), rows(count) {}
    Size length(Size row) const { return lengths[order[row]]; }
    Size steps() const { return length(0); }
    Size running(Size step) const { return std::min(rows, schedule.running[step] - first); }
    Size kept(Size step) const { return schedule.start[step] + first; }
    Size place(Size row, Size step) const {  // in arrays (batch, time, ...)
        return order[row] * time + (from_end ? length(row) - 1 - step : step);
    }

    void clear_padding(float* values, Size width, Size stride) const {
        for (Size row = 0; row < rows; ++row)
            for (Size step = length(row); step < time; ++step)
                std::memset(at(values, order[row] * time + step, stride), 0, width * sizeof(float));
    }
};

// Calls `work` for all chunks of all directions, as many for each thread as for the others. An exception may not leave a thread
// of OpenMP: what can be thrown is a lack of memory, told when all have ended.
template <class Work>
void for_each_chunk(const Arguments* layers, Size directions, Size few_rows, Work work) {
    const Arguments& layer = layers[0];
    const Schedule schedule(layer);
    const Size weights = 4 * layer.units * (layer.units + layer.inputs), all_rows = directions * layer.batch;
    const Size most = std::min(directions * ((layer.batch + tile - 1) / tile), all_rows * layer.time * weights / min_products);
    const Size threads = startable(std::max(Size{1}, std::min(layer.threads, most)));
    const Size most_rows = weights < many_weights ? few_rows : max_rows;
    const Size rounds = (all_rows + threads * most_rows - 1) / (threads * most_rows);
    const Size rows = std::min(layer.batch, (all_rows + rounds * threads - 1) / (rounds * threads));
    const Size of_direction = (layer.batch + rows - 1) / rows, chunks = directions * of_direction;
    std::atomic<bool> out_of_memory{false};
    const auto run = [&](Size number) {
        [[maybe_unused]] const WithoutDenormals mode;
        const Size direction = number / of_direction, first = number % of_direction * rows;
        try {
            if (!out_of_memory)
                work(direction, Chunk(layers[direction], schedule, first, std::min(rows, layer.batch - first)));
        } catch (const std::bad_alloc&) {
            out_of_memory = true;
        }
    };
    if (threads == 1) {  // without OpenMP, whose threads do not live on in a process that was forked
        for (Size number = 0; number < chunks; ++number) run(number);
    } else {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (Size number = 0; number < chunks; ++number) run(number);
    }
    if (out_of_memory) throw std::bad_alloc();
}

Size whole_vectors(Size columns) { return (columns + lanes - 1) / lanes * lanes; }

template <Size count>
using Count = std::integral_constant<Size, count>;

// Calls `work(first row, how many)` with the number of rows known to the compiler: as few tiles as there can be, of sizes as
// equal as can be, since a small one leaves the processor waiting for its own sums.
template <class Work>
void in_tiles(Size rows, Work work) {
    for (Size row = 0, left = (rows + tile - 1) / tile; left; --left) {
        const Size count = (rows - row + left - 1) / left;
        switch (count) {
            case 6: work(row, Count<6>{}); break;
            case 5: work(row, Count<5>{}); break;
            case 4: work(row, Count<4>{}); break;
            case 3: work(row, Count<3>{}); break;
            case 2: work(row, Count<2>{}); break;
            case 1: work(row, Count<1>{}); break;
        }
        row += count;
    }
}

// Calls `work` with the number of vectors, at most `across`, known to the compiler.
template <class Work>
void with_vectors(Size vectors, Work work) {
    if (vectors == 1) return work(Count<1>{});
    if (vectors == 2) return work(Count<2>{});
    if constexpr (across == 4) return vectors == 3 ? work(Count<3>{}) : work(Count<4>{});
}

// sums (rows, vectors * lanes) += left (rows, depth) times panel (depth, vectors * lanes)
template <Size rows, Size vectors>
[[gnu::always_inline]] inline void multiply(Vec (&sums)[rows][vectors], const float* left, Size stride, Size depth,
                                            const float* panel) {
    for (Size k = 0; k < depth; ++k, panel += vectors * lanes) {
        Vec weights[vectors];
        for (Size column = 0; column < vectors; ++column) weights[column] = load(panel + column * lanes);
#pragma GCC unroll 6
        for (Size row = 0; row < rows; ++row) {
            const float value = left[row * stride + k];
#pragma GCC unroll 4
            for (Size column = 0; column < vectors; ++column) sums[row][column] += value * weights[column];
        }
    }
}

// Some of the four sums of `lanes` hidden units: += reads times panel. A function of its own, or the compiler runs out of
// registers.
template <Size rows, Size vectors>
[[gnu::noinline]] void add_to_sums(Vec (*gates)[4], const Size (&which)[across], const float* reads, Size stride,
                                   Size depth, const float* panel) {
    Vec sums[rows][vectors];
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row)
#pragma GCC unroll 4
        for (Size number = 0; number < vectors; ++number) sums[row][number] = gates[row][which[number]];
    multiply<rows>(sums, reads, stride, depth, panel);
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row)
#pragma GCC unroll 4
        for (Size number = 0; number < vectors; ++number) gates[row][which[number]] = sums[row][number];
}

// to (rows, vectors * lanes) = or += left times panel
template <Size rows, Size vectors>
[[gnu::noinline]] void add_product(float* to, Size to_stride, bool add, const float* left, Size stride, Size depth,
                                   const float* panel) {
    Vec sums[rows][vectors];
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row)
#pragma GCC unroll 4
        for (Size column = 0; column < vectors; ++column)
            sums[row][column] = add ? load(to + row * to_stride + column * lanes) : Vec{};
    multiply<rows>(sums, left, stride, depth, panel);
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row)
#pragma GCC unroll 4
        for (Size column = 0; column < vectors; ++column)
            store(to + row * to_stride + column * lanes, sums[row][column]);
}

// Some rows of weights beside each other: to[k * width + lane] = from[lane * depth + k].
void interleave(float* to, Size width, const float* from, Size depth) {
    Size first = 0;
    for (; first + lanes <= depth; first += lanes)  // so that what is read and what is written stay in the cache
        for (Size lane = 0; lane < lanes; ++lane)
#pragma GCC unroll 16
            for (Size k = 0; k < lanes; ++k) to[(first + k) * width + lane] = from[lane * depth + first + k];
    for (; first < depth; ++first)
        for (Size lane = 0; lane < lanes; ++lane) to[first * width + lane] = from[lane * depth + first];
}

// Products in single precision, and how what they need is laid out.
struct Single {
    using Number = float;
    static constexpr bool is_exact = true;
    struct Mode {};  // of a thread
    static constexpr Size few_rows = ::few_rows;
    static Size whole(Size depth) { return depth; }
    static Size whole_rows(Size rows) { return rows; }
    static void read(float* to, const float* from, Size count) { copy(to, from, count); }

    // Weights (gates * units, depth) as the forward pass goes through them: for `lanes` hidden units, `across` gates side by
    // side.
    static Buffer forward_panels(const float* weights, Gates gates, Size units, Size depth) {
        Buffer panels = memory_for(gates.count() * units * depth);
        float* to = panels.get();
        for (Size unit = 0; unit < units; unit += lanes)
            for (Size first = 0, side = 0; first < gates.count(); to += side * lanes * depth, first += side) {
                side = std::min(across, gates.count() - first);
                for (Size number = 0; number < side; ++number)
                    interleave(to + number * lanes, side * lanes, at(weights, (first + number) * units + unit, depth), depth);
            }
        return panels;
    }

    // Weights (gates * units, columns) as the backward pass goes through them: `across` vectors of columns at a time, the last
    // panel with as few as it needs, filled up with zeros.
    static Buffer backward_panels(const float* weights, Gates gates, Size units, Size columns) {
        const Size rows = gates.count() * units;
        Buffer panels = memory_for(rows * whole_vectors(columns));
        float* to = panels.get();
        for (Size column = 0; column < columns; column += across * lanes) {
            const Size count = std::min(across * lanes, columns - column), width = whole_vectors(count);
            for (Size row = 0; row < rows; ++row, to += width) {
                copy(to, weights + row * columns + column, count);
                std::fill(to + count, to + width, 0.0f);
            }
        }
        return panels;
    }

    // What both products of the forward pass need: sums (rows, 4) of `lanes` hidden units += left (rows, depth) times panels.
    static void add_to_all_sums(Vec (*sums)[4], Gates gates, Size rows, const float* left, Size depth, const float* panels) {
        for (Size number = 0; number < gates.count(); number += across)
            with_vectors(std::min(across, gates.count() - number), [&](auto vectors) {
                Size which[across] = {};
                for (Size own = 0; own < vectors; ++own) which[own] = gates[number + own];
                for (Size k = 0; k < depth; k += depth_at_once)
                    in_tiles(rows, [&](Size first, auto count) {
                        add_to_sums<count, vectors>(sums + first, which, at(left, first, depth) + k, depth,
                                                    std::min(depth_at_once, depth - k),
                                                    panels + number * lanes * depth + k * vectors * lanes);
                    });
            });
    }

    // to (rows, width) = gates times panels, those before the one that is left out and those after it.
    static void multiply_gates(float* to, Size width, const float* gates, Gates which, Size rows, Size units,
                               const float* panels) {
        const Size before = which.left_out * units, all = which.count() * units;
        for (Size k = 0, depth = 0; k < all; k += depth) {
            depth = std::min(depth_at_once, (k < before ? before : all) - k);
            const float* left = gates + (k < before ? k : k + units);
            for (Size column = 0; column < width; column += across * lanes)
                with_vectors(std::min(across, (width - column) / lanes), [&](auto vectors) {
                    const float* panel = panels + column * all + k * vectors * lanes;
                    in_tiles(rows, [&](Size first, auto count) {
                        add_product<count, vectors>(at(to, first, width) + column, width, k > 0, at(left, first, 4 * units),
                                                    4 * units, depth, panel);
                    });
                });
        }
    }
};

}  // namespace

#include "tiles.hpp"

namespace {

template <class Cell, class Product>
struct Forward {
    using Number = typename Product::Number;
    const Arguments& layer;
    const Chunk& chunk;
    const float *recurrent, *input;  // panels
    const Size units = layer.units, inputs = layer.inputs, width = units + inputs + 1;
    const Size most = std::max(rows_ahead, chunk.rows);
    const Size depth = Product::whole(units), input_depth = Product::whole(inputs);
    const Array<Number> own_inputs{Product::whole_rows(most) * input_depth};
    const Array<Number> rounded{Product::is_exact ? 0 : Product::whole_rows(chunk.rows) * depth};  // the hidden state
    const Buffer own_sums = memory_for(most * 4 * units);
    const Buffer memory = memory_for(chunk.rows * units);
    Buffer hidden = memory_for(chunk.rows * units), after = memory_for(chunk.rows * units);

    void run() {
        [[maybe_unused]] const typename Product::Mode mode;
        for (Size row = 0; row < chunk.rows; ++row) {
            copy(at(hidden.get(), row, units), at(layer.hidden, chunk.order[row], units), units);
            copy(at(memory.get(), row, units), at(layer.memory, chunk.order[row], units), units);
            round(row);
        }
        chunk.clear_padding(layer.written, units, layer.written_stride);
        for (Size step = 0, end = 0; step < chunk.steps(); step = end) {
            end = std::min(chunk.steps(), step + std::max(Size{1}, rows_ahead / chunk.running(step)));
            read_inputs(step, end);
            const float* sums = own_sums.get();
            for (Size now = step; now < end; sums += chunk.running(now++) * 4 * units) run_step(now, sums);
        }
    }

    // What is added to the sums, and what the inputs add, at some steps: so few rows that a step has may not be worth to go
    // through the weights of the inputs.
    void read_inputs(Size begin, Size end) {
        const float* bases[max_rows];
        Size rows = 0;
        for (Size step = begin; step < end; ++step)
            for (Size row = 0; row < chunk.running(step); ++row, ++rows) {
                bases[rows] = at(layer.base, chunk.order[row], layer.base_stride);
                Product::read(own_inputs.get() + rows * input_depth, at(layer.values, chunk.place(row, step), inputs), inputs);
            }
        for (Size unit = 0; unit < units; unit += lanes) {
            Vec sums[max_rows][4];
            for (Size row = 0; row < rows; ++row)
                for (Size gate = 0; gate < 4; ++gate) sums[row][gate] = load(bases[row] + gate * units + unit);
            Product::add_to_all_sums(sums, Cell::of_input, rows, own_inputs.get(), input_depth,
                                     panel(input, Cell::of_input, unit, input_depth));
            for (Size row = 0; row < rows; ++row)
                std::memcpy(at(own_sums.get(), row, 4 * units) + 4 * unit, sums[row], sizeof sums[row]);
        }
    }

    void run_step(Size step, const float* inputs_sums) {
        const Size rows = chunk.running(step);
        if (layer.reads) keep_reads(step, rows);
        for (Size unit = 0; unit < units; unit += lanes) {
            Vec sums[max_rows][4];
            for (Size row = 0; row < rows; ++row)
                std::memcpy(sums[row], at(inputs_sums, row, 4 * units) + 4 * unit, sizeof sums[row]);
            Product::add_to_all_sums(sums, Cell::of_hidden, rows, read_hidden(), depth,
                                     panel(recurrent, Cell::of_hidden, unit, depth));
            finish(step, unit, rows, sums);
        }
        hidden.swap(after);
        for (Size row = 0; row < rows; ++row) {
            copy(at(layer.written, chunk.place(row, step), layer.written_stride), at(hidden.get(), row, units), units);
            round(row);
        }
    }

    const float* panel(const float* panels, Gates gates, Size unit, Size depth) const {
        return panels + gates.count() * unit * depth * sizeof(Number) / sizeof(float);
    }

    const Number* read_hidden() const {
        if constexpr (Product::is_exact) return hidden.get();
        else return rounded.get();
    }

    void round([[maybe_unused]] Size row) {
        if constexpr (!Product::is_exact) Product::read(rounded.get() + row * depth, at(hidden.get(), row, units), units);
    }

    void keep_reads(Size step, Size rows) {
        float* read = at(layer.reads, chunk.kept(step), width);
        for (Size row = 0; row < rows; ++row, read += width) {
            copy(read, at(hidden.get(), row, units), units);
            copy(read + units, at(layer.values, chunk.place(row, step), inputs), inputs);
            read[units + inputs] = 1.0f;  // by which the gates' gradients become that of what is added at every step
        }
    }

    // Two loops: each has several rows for the processor to work on at the same time.
    void finish(Size step, Size unit, Size rows, Vec (*sums)[4]) {
        Vec remembered[max_rows];
        for (Size row = 0; row < rows; ++row) {
            float* own_memory = at(memory.get(), row, units) + unit;
            remembered[row] = load(own_memory);
            Cell::step(sums[row], remembered[row]);
            store(own_memory, remembered[row]);
        }
        for (Size row = 0; row < rows; ++row) {
            store(at(after.get(), row, units) + unit, Cell::hidden(sums[row], remembered[row]));
            if (!layer.reads) continue;
            const Size kept = chunk.kept(step) + row;
            store(at(layer.cells, kept, units) + unit, remembered[row]);
            for (Size gate = 0; gate < 4; ++gate)
                store(at(layer.gates, kept, 4 * units) + gate * units + unit, sums[row][gate]);
        }
    }
};

template <class Cell, class Product>
struct Backward {
    using Number = typename Product::Number;
    const Arguments& layer;
    const Chunk& chunk;
    const float *recurrent, *input;  // panels; no input if its gradient is not wanted
    const Size units = layer.units, input_width = input ? whole_vectors(layer.inputs) : 0;
    const Size all_rows = Product::whole_rows(chunk.rows), depth = Product::whole(units);
    const Buffer d_hidden = zeros(all_rows * units), d_memory = zeros(chunk.rows * units);
    const Buffer d_input = memory_for(all_rows * input_width), first_memory = memory_for(chunk.rows * units);
    const Array<Number> rounded{Product::is_exact ? 0 : all_rows * 4 * depth};  // the gradients of the sums, for products

    void run() {
        [[maybe_unused]] const typename Product::Mode mode;
        for (Size row = 0; row < chunk.rows; ++row) {
            const Size own = chunk.order[row];
            copy(at(first_memory.get(), row, units), at(layer.memory, own, units), units);
            if (layer.d_base) std::memset(at(layer.d_base, own, 4 * units), 0, 4 * units * sizeof(float));
        }
        if (input) chunk.clear_padding(layer.d_values, layer.inputs, layer.inputs);
        for (Size step = chunk.steps() - 1; step >= 0; --step) run_step(step);
        for (Size row = 0; row < chunk.rows; ++row) {
            copy(at(layer.d_hidden, chunk.order[row], units), at(d_hidden.get(), row, units), units);
            copy(at(layer.d_memory, chunk.order[row], units), at(d_memory.get(), row, units), units);
        }
    }

    void run_step(Size step) {
        const Size rows = chunk.running(step);
        const float* cells = at(layer.cells, chunk.kept(step), units);
        const float* before = step ? at(layer.cells, chunk.kept(step - 1), units) : first_memory.get();
        float* gates = at(layer.gates, chunk.kept(step), 4 * units);
        for (Size row = 0; row < rows; ++row) {
            run_cells(row, step, at(gates, row, 4 * units), at(cells, row, units), at(before, row, units));
            if constexpr (!Product::is_exact)
                for (Size gate = 0; gate < 4; ++gate)
                    Product::read(rounded.get() + (row * 4 + gate) * depth, at(gates, row * 4 + gate, units), units);
        }
        const Number* read;
        if constexpr (Product::is_exact) read = gates;
        else read = rounded.get();
        Product::multiply_gates(d_hidden.get(), units, read, Cell::of_hidden, rows, units, recurrent);
        if (!input) return;
        Product::multiply_gates(d_input.get(), input_width, read, Cell::of_input, rows, units, input);
        for (Size row = 0; row < rows; ++row)
            copy(at(layer.d_values, chunk.place(row, step), layer.inputs), at(d_input.get(), row, input_width),
                 layer.inputs);
    }

    void run_cells(Size row, Size step, float* gates, const float* cells, const float* before) {
        const float* d_written = at(layer.written, chunk.place(row, step), layer.written_stride);
        const float* d_next = at(d_hidden.get(), row, units);  // by way of the step after this one
        float* d_own = at(d_memory.get(), row, units);
        for (Size unit = 0; unit < units; unit += lanes) {
            Vec four[4], d = load(d_own + unit);
            for (Size gate = 0; gate < 4; ++gate) four[gate] = load(gates + gate * units + unit);
            const Vec d_shown = load(d_written + unit) + load(d_next + unit);
            Cell::back(four, load(cells + unit), load(before + unit), d_shown, d);
            store(d_own + unit, d);
            for (Size gate = 0; gate < 4; ++gate) store(gates + gate * units + unit, four[gate]);
        }
        if (!layer.d_base) return;
        float* d_base = at(layer.d_base, chunk.order[row], 4 * units);
        for (Size place = 0; place < 4 * units; place += lanes)
            store(d_base + place, load(d_base + place) + load(gates + place));
    }
};

// The weights of the directions as a pass goes through them.
struct Panels {
    Buffer recurrent, input;
};

template <class Cell, class Product>
void run_forward(const Arguments* layers, Size directions) {
    std::vector<Panels> panels;
    for (const Arguments* layer = layers; layer < layers + directions; ++layer)
        panels.push_back({Product::forward_panels(layer->recurrent, Cell::of_hidden, layer->units, layer->units),
                          Product::forward_panels(layer->input, Cell::of_input, layer->units, layer->inputs)});
    for_each_chunk(layers, directions, Product::few_rows, [&](Size direction, const Chunk& chunk) {
        const auto& [recurrent, input] = panels[direction];
        Forward<Cell, Product>{layers[direction], chunk, recurrent.get(), input.get()}.run();
    });
}

template <class Cell, class Product>
void run_backward(const Arguments* layers, Size directions) {
    const Size inputs = layers->d_values ? layers->inputs : 0;
    std::vector<Panels> panels;
    for (const Arguments* layer = layers; layer < layers + directions; ++layer)
        panels.push_back({Product::backward_panels(layer->recurrent, Cell::of_hidden, layer->units, layer->units),
                          Product::backward_panels(layer->input, Cell::of_input, layer->units, inputs)});
    for_each_chunk(layers, directions, Product::few_rows, [&](Size direction, const Chunk& chunk) {
        const auto& [recurrent, input] = panels[direction];
        Backward<Cell, Product>{layers[direction], chunk, recurrent.get(), inputs ? input.get() : nullptr}.run();
    });
}

template <class Cell>
void run_forward(const Arguments* layers, Size directions) {
#if defined(HAS_TILES)
    if (layers->rounds) return run_forward<Cell, Rounded>(layers, directions);
#endif
    run_forward<Cell, Single>(layers, directions);
}

template <class Cell>
void run_backward(const Arguments* layers, Size directions) {
#if defined(HAS_TILES)
    if (layers->rounds) return run_backward<Cell, Rounded>(layers, directions);
#endif
    run_backward<Cell, Single>(layers, directions);
}

// Returns whether there was enough memory: exceptions may not pass into the caller, who is not C++.
using Pass = void (*)(const Arguments*, Size);
bool has_memory_for(Pass pass, const Arguments* layers, Size directions) {
    try {
        pass(layers, directions);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

}  // namespace

extern "C" {
// How many hidden units are computed side by side: `units` is a multiple of it.
Size lane_count() { return lanes; }

// Whether products of rounded numbers are quick here, so that `rounds` may be set.
bool can_round() {
#if defined(HAS_TILES)
    return may_use_tiles();
#else
    return false;
#endif
}

// A layer that reads one sequence step by step; stream.py has it, too. For `2 * lanes` hidden units (`lanes`, if only they
// are left), the panels have the weights of each read number: of the four sums, one after the other.
struct Stream {
    Size inputs, units;
    const float *panels, *base;  // (4 * units * (units + inputs),), (4 * units,)
    float *reads;                // (inputs + units,): the input, and the hidden state before the step
    float *memory, *hidden;      // (units,): before the step; after it, written
};
}

namespace {

// As `Forward` does it, in the same order, with as many sums at the same time as one row has.
template <class Cell, Size blocks>
void step_units(const Stream& layer, Size unit) {
    const Size depth = layer.units + layer.inputs;
    const float* panel = layer.panels + unit * 4 * depth;
    Vec sums[blocks][4];
    for (Size block = 0; block < blocks; ++block)
        for (Size gate = 0; gate < 4; ++gate)
            sums[block][gate] = load(layer.base + gate * layer.units + unit + block * lanes);
    for (Size k = 0; k < depth; ++k, panel += 4 * blocks * lanes) {
        const float value = layer.reads[k];
#pragma GCC unroll 4
        for (Size gate = 0; gate < 4; ++gate)
#pragma GCC unroll 2
            for (Size block = 0; block < blocks; ++block)
                sums[block][gate] += value * load(panel + (gate * blocks + block) * lanes);
    }
    for (Size block = 0; block < blocks; ++block) {
        float* own = layer.memory + unit + block * lanes;
        Vec memory = load(own);
        Cell::step(sums[block], memory);
        store(own, memory);
        store(layer.hidden + unit + block * lanes, Cell::hidden(sums[block], memory));
    }
}

// One step of layers, each of which reads the one before. Returns false, and does nothing, if an input is not finite.
template <class Cell>
bool step_layers(const Stream* layers, Size count) {
    [[maybe_unused]] const WithoutDenormals mode;
    const float* input = layers->reads;
    if (!std::all_of(input, input + layers->inputs, [](float value) { return std::isfinite(value); })) return false;
    for (const Stream* layer = layers; layer < layers + count; ++layer) {
        if (layer > layers) copy(layer->reads, layer[-1].hidden, layer->inputs);
        Size unit = 0;
        for (; unit + 2 * lanes <= layer->units; unit += 2 * lanes) step_units<Cell, 2>(*layer, unit);
        if (unit < layer->units) step_units<Cell, 1>(*layer, unit);
        copy(layer->reads + layer->inputs, layer->hidden, layer->units);
    }
    return true;
}

}  // namespace

extern "C" {
bool lstm_forward(const Arguments* layers, Size count) { return has_memory_for(run_forward<Lstm>, layers, count); }
bool lstm_backward(const Arguments* layers, Size count) { return has_memory_for(run_backward<Lstm>, layers, count); }
bool gru_forward(const Arguments* layers, Size count) { return has_memory_for(run_forward<Gru>, layers, count); }
bool gru_backward(const Arguments* layers, Size count) { return has_memory_for(run_backward<Gru>, layers, count); }
bool lstm_step(const Stream* layers, Size count) { return step_layers<Lstm>(layers, count); }
bool gru_step(const Stream* layers, Size count) { return step_layers<Gru>(layers, count); }
}
