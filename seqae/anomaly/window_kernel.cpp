// The evidence in many windows whose model is linear, in double precision: what `WindowEvidence.of_rows` computes by torch.
//
// A window overlaps the next one, so the windows are not written down: the values of a channel lie side by side, and a
// number of a window is read where it lies. Reconstruction and whitening are one matrix, and what it makes of a window
// is squared and added up where the product leaves it. With several channels most of that is done by spectra.hpp.

#include "localization.hpp"
#include "spectra.hpp"

#include <algorithm>
#include <cstring>
#include <new>

using seqae::Bits;
using seqae::Lanes;
using seqae::lanes;
using seqae::Size;

extern "C" {
// window_kernel.py has these two, too. Arrays are contiguous.
struct Windows {
    Size channels, inputs;   // the inputs are the channels, and perhaps their squares after them
    Size window, rows_per_step;
    Size columns;            // of the outputs of a channel, a multiple of the lanes; those beyond the window are zero
    const double* weight;    // (channel, input * window, column): whitened residuals of a channel
    const double* residual;  // (channel, column): what is subtracted from them
    const double* spectra;   // of the weight, see `Filters`; null if the residuals are computed by the weight
    const double* factor;    // (channel, window, column): whitened values, from the step of a column on
    const double* value;     // (channel, column)
    const seqae::Usual* usual;  // (kind, channel)
};
struct Piece {
    Size count, stride;    // windows; how far the steps of a channel are from those of the next one
    const double* steps;   // (input, stride), where `SPARE` numbers after the last window may be read
    const double* filled;  // (channel, stride): 1 where a value was filled in, by window; null if none was
    double* evidence;      // (channel, stride), by window; some after the last one are written, too
};
}

namespace {

constexpr Size block = 480;  // windows that are measured together: their numbers stay in the cache
constexpr Size most_columns = seqae::points;  // of windows that are computed by transforms
constexpr Size vectors = 3, tile = vectors * lanes, outputs = lanes;  // whose sums fit into the registers

Lanes load(const double* from) {
    Lanes values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

void store(double* to, Lanes values) { std::memcpy(to, &values, sizeof values); }

// Adds the squares of some outputs of consecutive windows. Of `channels` channels the steps from `begin` on are read.
void add_squares(const Windows& own, const double* steps, Size stride, Size channels, Size begin, const double* weight,
                 const double* shift, double* squares) {
    Lanes sums[outputs][vectors];
    // All loops over the sums are unrolled, so that these stay in registers.
#pragma GCC unroll 8
    for (Size output = 0; output < outputs; ++output)
#pragma GCC unroll 3
        for (Size part = 0; part < vectors; ++part) sums[output][part] = Lanes{} - shift[output];
    for (Size channel = 0; channel < channels; ++channel) {
        const double* from = steps + channel * stride + begin * own.rows_per_step;
        weight += begin * own.columns;
        for (Size step = begin; step < own.window; ++step, from += own.rows_per_step, weight += own.columns) {
            Lanes values[vectors];
#pragma GCC unroll 3
            for (Size part = 0; part < vectors; ++part) values[part] = load(from + part * lanes);
#pragma GCC unroll 8
            for (Size output = 0; output < outputs; ++output)
#pragma GCC unroll 3
                for (Size part = 0; part < vectors; ++part) sums[output][part] += weight[output] * values[part];
        }
    }
#pragma GCC unroll 3
    for (Size part = 0; part < vectors; ++part) {
        Lanes total = load(squares + part * lanes);
#pragma GCC unroll 8
        for (Size output = 0; output < outputs; ++output) total += sums[output][part] * sums[output][part];
        store(squares + part * lanes, total);
    }
}

// The squared distances of consecutive windows, a multiple of `tile`. The weight is triangular if an output depends on its
// own step and those after it alone.
void distances_of(const Windows& own, Size count, const double* steps, Size stride, Size channels, bool is_triangular,
                  const double* weight, const double* shift, double* distances) {
    std::fill(distances, distances + count, 0.0);
    for (Size column = 0; column < own.columns; column += outputs)
        for (Size start = 0; start < count; start += tile)
            add_squares(own, steps + start, stride, channels, is_triangular ? column : 0, weight + column, shift + column,
                        distances + start);
}

// The same of one window alone.
double distance_of(const Windows& own, const double* steps, Size stride, const double* weight, const double* shift) {
    double sums[most_columns] = {}, distance = 0;
    for (Size input = 0; input < own.inputs; ++input)
        for (Size step = 0; step < own.window; ++step, weight += own.columns)
            for (Size column = 0; column < own.columns; ++column)
                sums[column] += weight[column] * steps[input * stride + step * own.rows_per_step];
    for (Size column = 0; column < own.columns; ++column)
        distance += (sums[column] - shift[column]) * (sums[column] - shift[column]);
    return distance;
}

// Writes the squared distances of the residuals where the evidence will be.
void residual_distances(const Windows& own, const Piece& piece) {
    const seqae::Filters filters{own.channels,    own.inputs,  own.window,  own.rows_per_step,
                                 own.columns / 2, own.spectra, own.residual};
    seqae::Spectra spectra(filters, {piece.count, piece.stride, piece.steps, piece.evidence});
    for (const Size start : spectra.distances())
        for (Size channel = 0; channel < own.channels; ++channel)
            for (Size index = 0; index < spectra.windows_of_block; ++index) {
                const Size window = start + index * own.rows_per_step;
                if (window < piece.count)
                    piece.evidence[channel * piece.stride + window] = distance_of(
                        own, piece.steps + window, piece.stride,
                        own.weight + channel * own.inputs * own.window * own.columns, own.residual + channel * own.columns);
            }
}

// Turns squared distances of the values of a channel and of its residuals, `block` each, into evidence. Several loops take
// less time than one, as there is less to wait for.
void evidence_of(const seqae::Usual* usual, Size channels, Size count, const double* filled, const double* values,
                 const double* residuals, double* evidence) {
    seqae::Part<Lanes> parts[2][block / lanes];
    for (Size kind = 0; kind < 2; ++kind) {
        const seqae::Usual own = usual[kind * channels];  // a copy, which stores cannot change
        const double* distances = kind ? residuals : values;
        for (Size start = 0; start < count; start += lanes)
            parts[kind][start / lanes] =
                seqae::part_of(own, load(distances + start), filled ? load(filled + start) : Lanes{});
    }
    for (Size start = 0; start < count; start += lanes)
        store(evidence + start, seqae::evidence_of(parts[0][start / lanes], parts[1][start / lanes]));
}

void judge(const Windows& own, const Piece& piece, Size first, Size count) {
    double distances[2][block];  // of the values of a channel, of its residuals
    const Size whole = (count + tile - 1) / tile * tile, rows = own.window * own.columns;
    for (Size channel = 0; channel < own.channels; ++channel) {
        const double* steps = piece.steps + first;
        const double* filled = piece.filled ? piece.filled + channel * piece.stride + first : nullptr;
        double* evidence = piece.evidence + channel * piece.stride + first;
        distances_of(own, whole, steps + channel * piece.stride, piece.stride, 1, true, own.factor + channel * rows,
                     own.value + channel * own.columns, distances[0]);
        if (!own.spectra)
            distances_of(own, whole, steps, piece.stride, own.inputs, false,
                         own.weight + channel * own.inputs * rows, own.residual + channel * own.columns, distances[1]);
        evidence_of(own.usual + channel, own.channels, count, filled, distances[0],
                    own.spectra ? evidence : distances[1], evidence);
    }
}

}  // namespace

extern "C" {
// The outputs of a channel are this many at a time, and half as many filters, whose spectra have so many points.
Size column_lanes() { return lanes; }
Size spectrum_points() { return seqae::points; }

// Returns whether there was enough memory: exceptions may not pass into the caller, who is not C++.
bool judge_windows(const Windows* own, const Piece* piece) {
    try {
        if (own->spectra) residual_distances(*own, *piece);
    } catch (const std::bad_alloc&) {
        return false;
    }
    for (Size first = 0; first < piece->count; first += block)
        judge(*own, *piece, first, std::min(block, piece->count - first));
    return true;
}

// Returns whether it was done: there may be too little memory, or evidence that is not finite.
bool localize_rows(const Localized* own) {
    try {
        return seqae::Localizer(*own).localize();
    } catch (const std::bad_alloc&) {
        return false;
    }
}
}
