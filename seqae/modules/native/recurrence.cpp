// One layer of LSTM or GRU over sequences of different lengths, in single precision, forward and backward.
//
// What makes it fast:
// - The rows (sequences) of a batch are cut into chunks, and each chunk runs through all its steps alone: threads
//   never wait for each other, and the state of a chunk stays in the cache.
// - Rows are sorted by length, so those that still run at a step are the first ones: padding costs nothing.
// - A step is one product: [hidden, input] times all weights. The gates are finished where the product leaves them.
// - What the backward pass needs is kept step by step without padding. It overwrites the gates by their gradients;
//   the gradient of the weights is then a single large product, which the caller leaves to torch.
//
// A row's numbers do not depend on the rows beside it, on the number of threads, or on who computed them.

#include <immintrin.h>

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
using Vec = __m256;  // eight hidden units side by side

constexpr Size lanes = 8;
constexpr Size wide = 2 * lanes;         // columns of a tile
constexpr Size tile = 6;                 // rows of a tile: 6 x 2 sums, 2 columns and 1 row fill 15 of 16 registers
constexpr Size max_rows = 4 * tile;      // of a chunk
constexpr Size depth_at_once = 256;      // of a panel, so that it stays in the first-level cache
constexpr Size min_products = 1 << 20;   // products that are worth a thread: less time than these is lost in waking it

Vec load(const float* from) { return _mm256_loadu_ps(from); }
void store(float* to, Vec values) { _mm256_storeu_ps(to, values); }
Vec fill(float value) { return _mm256_set1_ps(value); }
const float* at(const float* rows, Size row, Size width) { return rows + row * width; }
float* at(float* rows, Size row, Size width) { return rows + row * width; }

// e^x to seven digits (the polynomial of Cephes, Moshier 1992). NaN stays NaN: the second operand of min and max wins.
inline Vec exponential(Vec x) {
    x = _mm256_max_ps(fill(-87.0f), _mm256_min_ps(fill(87.0f), x));
    const Vec whole = _mm256_round_ps(x * fill(1.44269504f), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const Vec rest = x - whole * fill(0.693359375f) + whole * fill(2.12194440e-4f);  // ln 2 in two parts
    Vec sum = fill(1.9875691500e-4f);
    sum = sum * rest + fill(1.3981999507e-3f);
    sum = sum * rest + fill(8.3334519073e-3f);
    sum = sum * rest + fill(4.1665795894e-2f);
    sum = sum * rest + fill(1.6666665459e-1f);
    sum = sum * rest + fill(5.0000001201e-1f);
    sum = sum * rest * rest + rest + fill(1.0f);
    const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127)), 23);
    return sum * _mm256_castsi256_ps(power);
}

inline Vec sigmoid(Vec x) { return fill(1.0f) / (fill(1.0f) + exponential(fill(0.0f) - x)); }
inline Vec tanh(Vec x) { return fill(2.0f) * sigmoid(x + x) - fill(1.0f); }
inline Vec slope_of_sigmoid(Vec y) { return y * (fill(1.0f) - y); }
inline Vec slope_of_tanh(Vec y) { return fill(1.0f) - y * y; }

// A cell turns four sums into gates, and its memory of the step before into the next one; both show in the hidden
// state. What `step` leaves in `gates` is kept; `back` turns it into the gradients of the sums, and the gradient of
// the memory after the step into that of the memory before it.
struct Lstm {
    static void step(Vec (&gates)[4], Vec& memory) {
        gates[0] = sigmoid(gates[0]);  // input
        gates[1] = sigmoid(gates[1]);  // forget
        gates[2] = tanh(gates[2]);     // candidate
        gates[3] = sigmoid(gates[3]);  // output
        memory = gates[1] * memory + gates[0] * gates[2];
    }
    static Vec hidden(const Vec (&gates)[4], Vec memory) { return gates[3] * tanh(memory); }
    static void back(Vec (&gates)[4], Vec memory, Vec before, Vec d_hidden, Vec& d_memory) {
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
    static void step(Vec (&gates)[4], Vec& memory) {
        gates[0] = sigmoid(gates[0]);                     // reset
        gates[1] = sigmoid(gates[1]);                     // update
        gates[2] = tanh(gates[2] + gates[0] * gates[3]);  // candidate; gates[3] is its sum over the hidden state
        memory = gates[2] + gates[1] * (memory - gates[2]);
    }
    static Vec hidden(const Vec (&)[4], Vec memory) { return memory; }
    static void back(Vec (&gates)[4], Vec, Vec before, Vec d_hidden, Vec& d_memory) {
        const Vec reset = gates[0], update = gates[1], candidate = gates[2];
        const Vec d = d_hidden + d_memory;
        const Vec d_candidate = d * (fill(1.0f) - update) * slope_of_tanh(candidate);
        gates[0] = d_candidate * gates[3] * slope_of_sigmoid(reset);
        gates[1] = d * (before - candidate) * slope_of_sigmoid(update);
        gates[2] = d_candidate;
        gates[3] = d_candidate * reset;
        d_memory = d * update;
    }
};

}  // namespace

extern "C" {
// What both passes take; layer.py has it, too. An array that is not wanted is null.
struct Arguments {
    Size batch, time, inputs, units, threads;
    const Size *order, *lengths;         // (batch,): rows from the longest to the shortest; steps of each row
    const float* values;                 // (batch, time, inputs)
    const float* weights;                // (4 * units, units + inputs)
    const float* base;                   // (batch, 4 * units): added to the sums at every step
    const float *hidden, *memory;        // (batch, units): before the first step
    float* written;                      // (batch, time, units); in the backward pass its gradient, which is read
    float *reads, *gates, *cells;        // (steps, units + inputs), (steps, 4 * units), (steps, units)
    float* d_values;                     // (batch, time, inputs)
    float* d_base;                       // (batch, 4 * units)
    float *d_hidden, *d_memory;          // (batch, units)
};
}

namespace {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<float, Free>;

Buffer zeros(Size count) {
    const Size bytes = (count * sizeof(float) + 63) / 64 * 64;
    auto* memory = static_cast<float*>(std::aligned_alloc(64, bytes));
    if (!memory && bytes) throw std::bad_alloc();
    if (bytes) std::memset(memory, 0, bytes);
    return Buffer(memory);
}

void copy(float* to, const float* from, Size count) { std::memcpy(to, from, count * sizeof(float)); }

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

// Rows that run together: `order[first]`, the longest, and those after it.
struct Chunk {
    const Size *order, *lengths;
    Size time, rows;
    Size start = 0;            // steps that the chunks before keep
    std::vector<Size> active;  // rows that run at each step

    Chunk(const Arguments& layer, Size first, Size count)
        : order(layer.order + first), lengths(layer.lengths), time(layer.time), rows(count) {
        for (Size place = 0; place < first; ++place) start += lengths[layer.order[place]];
        for (Size step = 0, running = rows; step < length(0); ++step) {
            while (length(running - 1) <= step) --running;
            active.push_back(running);
        }
    }
    Size length(Size row) const { return lengths[order[row]]; }
    Size steps() const { return static_cast<Size>(active.size()); }
    Size place(Size row, Size step) const { return order[row] * time + step; }  // in arrays (batch, time, ...)

    void clear_padding(float* values, Size width) const {
        for (Size row = 0; row < rows; ++row)
            std::memset(at(values, place(row, length(row)), width), 0, (time - length(row)) * width * sizeof(float));
    }
};

// Calls `work` for all chunks. Their number depends on the batch alone, and is even for two threads to share. An
// exception may not leave a thread of OpenMP: what can be thrown is a lack of memory, told when all have ended.
template <class Work>
void for_each_chunk(const Arguments& layer, Work work) {
    const Size pairs = (layer.batch + 2 * max_rows - 1) / (2 * max_rows);
    const Size rows = std::max(tile, (layer.batch + 2 * pairs - 1) / (2 * pairs));
    const Size chunks = (layer.batch + rows - 1) / rows;
    const Size products = layer.batch * layer.time * 4 * layer.units * (layer.units + layer.inputs);
    const Size threads = startable(std::max(Size{1}, std::min({layer.threads, chunks, products / min_products})));
    std::atomic<bool> out_of_memory{false};
    const auto run = [&](Size number) {
        const Size first = number * rows;
        try {
            if (!out_of_memory) work(Chunk(layer, first, std::min(rows, layer.batch - first)));
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

template <Size rows>
using Rows = std::integral_constant<Size, rows>;

// Calls `work(first row, how many)` with the number of rows known to the compiler.
template <class Work>
void in_tiles(Size rows, Work work) {
    Size row = 0;
    for (; row + tile <= rows; row += tile) work(row, Rows<tile>{});
    switch (rows - row) {
        case 5: return work(row, Rows<5>{});
        case 4: return work(row, Rows<4>{});
        case 3: return work(row, Rows<3>{});
        case 2: return work(row, Rows<2>{});
        case 1: return work(row, Rows<1>{});
    }
}

// sums (rows, 16) += left (rows, depth) times panel (depth, 16)
template <Size rows>
[[gnu::always_inline]] inline void multiply(Vec (&sums)[rows][2], const float* left, Size stride, Size depth,
                                            const float* panel) {
    for (Size k = 0; k < depth; ++k) {
        const Vec low = load(panel + k * wide), high = load(panel + k * wide + lanes);
#pragma GCC unroll 6
        for (Size row = 0; row < rows; ++row) {
            const Vec value = _mm256_broadcast_ss(left + row * stride + k);
            sums[row][0] = _mm256_fmadd_ps(value, low, sums[row][0]);
            sums[row][1] = _mm256_fmadd_ps(value, high, sums[row][1]);
        }
    }
}

// Two of the four sums of eight hidden units: base + reads times panel. A function of its own, or the compiler runs out of
// registers.
template <Size rows>
[[gnu::noinline]] void two_sums(Vec (*gates)[4], Size which, const float* const (&bases)[tile], Size units,
                                const float* reads, Size depth, const float* panel) {
    Vec sums[rows][2];
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row) {
        sums[row][0] = load(bases[row] + which * units);
        sums[row][1] = load(bases[row] + (which + 1) * units);
    }
    multiply<rows>(sums, reads, depth, depth, panel);
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row) {
        gates[row][which] = sums[row][0];
        gates[row][which + 1] = sums[row][1];
    }
}

// to (rows, 16) = or += left times panel
template <Size rows>
[[gnu::noinline]] void add_product(float* to, Size to_stride, bool add, const float* left, Size stride, Size depth,
                                   const float* panel) {
    Vec sums[rows][2];
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row) {
        sums[row][0] = add ? load(to + row * to_stride) : fill(0.0f);
        sums[row][1] = add ? load(to + row * to_stride + lanes) : fill(0.0f);
    }
    multiply<rows>(sums, left, stride, depth, panel);
#pragma GCC unroll 6
    for (Size row = 0; row < rows; ++row) {
        store(to + row * to_stride, sums[row][0]);
        store(to + row * to_stride + lanes, sums[row][1]);
    }
}

// The weights as the forward pass goes through them: for eight hidden units, gates 0 and 1 side by side, then 2 and 3.
Buffer forward_panels(const Arguments& layer) {
    const Size depth = layer.units + layer.inputs;
    Buffer panels = zeros(4 * layer.units * depth);
    float* to = panels.get();
    for (Size unit = 0; unit < layer.units; unit += lanes)
        for (Size gate = 0; gate < 4; gate += 2)
            for (Size k = 0; k < depth; ++k)
                for (Size column = 0; column < wide; ++column) {
                    const Size row = (gate + column / lanes) * layer.units + unit + column % lanes;
                    *to++ = layer.weights[row * depth + k];
                }
    return panels;
}

// The weights as the backward pass goes through them: sixteen columns of the first `columns` at a time.
Buffer backward_panels(const Arguments& layer, Size columns) {
    const Size depth = layer.units + layer.inputs, rows = 4 * layer.units;
    const Size panel_count = (columns + wide - 1) / wide;
    Buffer panels = zeros(panel_count * rows * wide);
    for (Size panel = 0; panel < panel_count; ++panel)
        for (Size row = 0; row < rows; ++row)
            copy(panels.get() + (panel * rows + row) * wide, layer.weights + row * depth + panel * wide,
                 std::min(wide, columns - panel * wide));
    return panels;
}

template <class Cell>
struct Forward {
    const Arguments& layer;
    const Chunk& chunk;
    const float* panels;
    const Size units = layer.units, inputs = layer.inputs, depth = units + inputs;
    const bool keep = layer.gates != nullptr;
    const Buffer hidden = zeros(chunk.rows * units), memory = zeros(chunk.rows * units);
    const Buffer own_reads = zeros(keep ? 0 : chunk.rows * depth);
    float *reads = own_reads.get(), *gates = nullptr, *cells = nullptr;  // of this step

    void run() {
        for (Size row = 0; row < chunk.rows; ++row) {
            copy(at(hidden.get(), row, units), at(layer.hidden, chunk.order[row], units), units);
            copy(at(memory.get(), row, units), at(layer.memory, chunk.order[row], units), units);
        }
        chunk.clear_padding(layer.written, units);
        Size kept = chunk.start;
        for (Size step = 0; step < chunk.steps(); kept += chunk.active[step++]) {
            if (keep) {
                reads = at(layer.reads, kept, depth);
                gates = at(layer.gates, kept, 4 * units);
                cells = at(layer.cells, kept, units);
            }
            run_step(step, chunk.active[step]);
        }
    }

    void run_step(Size step, Size rows) {
        for (Size row = 0; row < rows; ++row) {
            float* read = at(reads, row, depth);
            copy(read, at(hidden.get(), row, units), units);
            if (inputs) copy(read + units, at(layer.values, chunk.place(row, step), inputs), inputs);
        }
        for (Size unit = 0; unit < units; unit += lanes)
            in_tiles(rows, [&](Size first, auto count) { run_tile<count>(unit, first); });
        for (Size row = 0; row < rows; ++row)
            copy(at(layer.written, chunk.place(row, step), units), at(hidden.get(), row, units), units);
    }

    // Eight hidden units of some rows. Two loops: each has several rows for the processor to work on at the same time.
    template <Size rows>
    void run_tile(Size unit, Size first) {
        const float *bases[tile], *own = at(reads, first, depth), *panel = panels + unit * 4 * depth;
        Vec sums[rows][4], remembered[rows];
        for (Size row = 0; row < rows; ++row)
            bases[row] = at(layer.base, chunk.order[first + row], 4 * units) + unit;
        two_sums<rows>(sums, 0, bases, units, own, depth, panel);
        two_sums<rows>(sums, 2, bases, units, own, depth, panel + wide * depth);
        for (Size row = 0; row < rows; ++row) {
            float* own_memory = at(memory.get(), first + row, units) + unit;
            remembered[row] = load(own_memory);
            Cell::step(sums[row], remembered[row]);
            store(own_memory, remembered[row]);
        }
        for (Size row = 0; row < rows; ++row) {
            store(at(hidden.get(), first + row, units) + unit, Cell::hidden(sums[row], remembered[row]));
            if (!keep) continue;
            store(at(cells, first + row, units) + unit, remembered[row]);
            for (Size gate = 0; gate < 4; ++gate)
                store(at(gates, first + row, 4 * units) + gate * units + unit, sums[row][gate]);
        }
    }
};

template <class Cell>
struct Backward {
    const Arguments& layer;
    const Chunk& chunk;
    const float* panels;
    const Size columns;  // of the gradient of [hidden, input] that are wanted
    const Size units = layer.units, inputs = layer.inputs, width = (columns + wide - 1) / wide * wide;
    const Buffer d_reads = zeros(chunk.rows * width), d_memory = zeros(chunk.rows * units);
    const Buffer first_memory = zeros(chunk.rows * units);

    void run() {
        Size kept = chunk.start;
        for (Size row = 0; row < chunk.rows; ++row) {
            const Size own = chunk.order[row];
            kept += chunk.length(row);
            copy(at(first_memory.get(), row, units), at(layer.memory, own, units), units);
            std::memset(at(layer.d_base, own, 4 * units), 0, 4 * units * sizeof(float));
        }
        if (layer.d_values) chunk.clear_padding(layer.d_values, inputs);
        for (Size step = chunk.steps() - 1; step >= 0; --step) run_step(step, kept -= chunk.active[step]);
        for (Size row = 0; row < chunk.rows; ++row) {
            copy(at(layer.d_hidden, chunk.order[row], units), at(d_reads.get(), row, width), units);
            copy(at(layer.d_memory, chunk.order[row], units), at(d_memory.get(), row, units), units);
        }
    }

    void run_step(Size step, Size kept) {
        const Size rows = chunk.active[step];
        const float* cells = at(layer.cells, kept, units);
        const float* before = step ? cells - chunk.active[step - 1] * units : first_memory.get();
        float* gates = at(layer.gates, kept, 4 * units);
        for (Size row = 0; row < rows; ++row)
            run_cells(row, step, at(gates, row, 4 * units), at(cells, row, units), at(before, row, units));
        for (Size k = 0; k < 4 * units; k += depth_at_once)
            for (Size column = 0; column < columns; column += wide)
                in_tiles(rows, [&](Size first, auto count) {
                    const float* left = at(gates, first, 4 * units) + k;
                    add_product<count>(at(d_reads.get(), first, width) + column, width, k > 0, left, 4 * units,
                                       std::min(depth_at_once, 4 * units - k), panels + column * 4 * units + k * wide);
                });
        for (Size row = 0; row < rows && layer.d_values; ++row)
            copy(at(layer.d_values, chunk.place(row, step), inputs), at(d_reads.get(), row, width) + units, inputs);
    }

    void run_cells(Size row, Size step, float* gates, const float* cells, const float* before) {
        const float* d_written = at(layer.written, chunk.place(row, step), units);
        const float* d_hidden = at(d_reads.get(), row, width);  // by way of the step after this one
        float* d_own = at(d_memory.get(), row, units);
        float* d_base = at(layer.d_base, chunk.order[row], 4 * units);
        for (Size unit = 0; unit < units; unit += lanes) {
            Vec four[4], d = load(d_own + unit);
            for (Size gate = 0; gate < 4; ++gate) four[gate] = load(gates + gate * units + unit);
            const Vec d_shown = load(d_written + unit) + load(d_hidden + unit);
            Cell::back(four, load(cells + unit), load(before + unit), d_shown, d);
            store(d_own + unit, d);
            for (Size gate = 0; gate < 4; ++gate) {
                const Size place = gate * units + unit;
                store(gates + place, four[gate]);
                store(d_base + place, load(d_base + place) + four[gate]);
            }
        }
    }
};

template <class Cell>
void run_forward(const Arguments& layer) {
    const Buffer panels = forward_panels(layer);
    for_each_chunk(layer, [&](const Chunk& chunk) { Forward<Cell>{layer, chunk, panels.get()}.run(); });
}

template <class Cell>
void run_backward(const Arguments& layer) {
    const Size columns = layer.units + (layer.d_values ? layer.inputs : 0);
    const Buffer panels = backward_panels(layer, columns);
    for_each_chunk(layer, [&](const Chunk& chunk) { Backward<Cell>{layer, chunk, panels.get(), columns}.run(); });
}

// Returns whether there was enough memory: exceptions may not pass into the caller, who is not C++.
using Pass = void (*)(const Arguments&);
bool has_memory_for(Pass pass, const Arguments& layer) {
    try {
        pass(layer);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

}  // namespace

extern "C" {
// A layer that reads one sequence step by step; stream.py has it, too. For sixteen hidden units (eight, if only they are
// left), the panels have the weights of each read number: of the four sums, one after the other.
struct Stream {
    Size inputs, units;
    const float *panels, *base;  // (4 * units * (units + inputs),), (4 * units,)
    float *reads;                // (units + inputs,): the hidden state before the step, and the input
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
        const Vec value = _mm256_broadcast_ss(layer.reads + k);
#pragma GCC unroll 4
        for (Size gate = 0; gate < 4; ++gate)
#pragma GCC unroll 2
            for (Size block = 0; block < blocks; ++block)
                sums[block][gate] =
                    _mm256_fmadd_ps(value, load(panel + (gate * blocks + block) * lanes), sums[block][gate]);
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
    const float* input = layers->reads + layers->units;
    if (!std::all_of(input, input + layers->inputs, [](float value) { return std::isfinite(value); })) return false;
    for (const Stream* layer = layers; layer < layers + count; ++layer) {
        if (layer > layers) copy(layer->reads + layer->units, layer[-1].hidden, layer->inputs);
        Size unit = 0;
        for (; unit + wide <= layer->units; unit += wide) step_units<Cell, 2>(*layer, unit);
        if (unit < layer->units) step_units<Cell, 1>(*layer, unit);
        copy(layer->reads, layer->hidden, layer->units);
    }
    return true;
}

}  // namespace

extern "C" {
bool lstm_forward(const Arguments* layer) { return has_memory_for(run_forward<Lstm>, *layer); }
bool lstm_backward(const Arguments* layer) { return has_memory_for(run_backward<Lstm>, *layer); }
bool gru_forward(const Arguments* layer) { return has_memory_for(run_forward<Gru>, *layer); }
bool gru_backward(const Arguments* layer) { return has_memory_for(run_backward<Gru>, *layer); }
bool lstm_step(const Stream* layers, Size count) { return step_layers<Lstm>(layers, count); }
bool gru_step(const Stream* layers, Size count) { return step_layers<Gru>(layers, count); }
}
