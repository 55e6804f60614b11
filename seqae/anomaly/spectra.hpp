// Squared distances of consecutive windows by Fourier transforms: what a window's residuals are made of overlaps the
// next window's, so each of them is a filter that runs over the inputs: the channels, and perhaps their squares.
//
// Two outputs are the real and the imaginary part of one filter; what it leaves is squared where it stands. Blocks of
// `points` steps lie side by side in the lanes. Transforms by three rounds of radix 4, whose results lie in reversed order
// of their digits (Cooley and Tukey 1965, https://doi.org/10.1090/S0025-5718-1965-0178586-1).

#pragma once

#include "surprise.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace seqae {

using Size = int64_t;

constexpr Size points = 64, quarter = points / 4;
// How far rows of points are from each other, quarters of which are one more apart: at powers of two they would share few
// lines of the cache.
constexpr Size row = 4 * (quarter + 1);
constexpr Size together = 2;  // lanes of blocks that are transformed together
constexpr Size filters = lanes / 2;  // whose sums fit into the registers
constexpr Size ahead = 1024;  // numbers of the spectra that are fetched before they are needed
constexpr double wild = 1e4;  // a larger number would leave its rounding errors in the windows around it

struct Complex {
    Lanes real, imaginary;
};

// Where a result of three rounds lies.
constexpr Size place_of(Size point) { return point % 4 * 16 + point / 4 % 4 * 4 + point / 16; }

// The roots of unity, as numbers for real and imaginary parts.
struct Roots {
    double cosine[points], sine[points];
    Roots() {
        for (Size power = 0; power < points; ++power) {
            cosine[power] = std::cos(2 * M_PI * power / points);
            sine[power] = std::sin(2 * M_PI * power / points);
        }
    }
};
const Roots roots;

// A value times a root of unity to some power, which is often none.
inline Complex turned(Complex value, Size power) {
    if (power == 0) return value;
    const double real = roots.cosine[power], imaginary = roots.sine[power];
    return {value.real * real - value.imaginary * imaginary, value.real * imaginary + value.imaginary * real};
}

// Puts four values that lie `distance` apart together, and the results `apart`: a part of a round of a transform, by
// exp(2 pi i k t / points).
[[gnu::always_inline]] inline void combine(const Complex* from, Size distance, Size apart, Size power, Complex* to) {
    const Complex a = from[0], b = from[distance], c = from[2 * distance], d = from[3 * distance];
    const Complex even{a.real + c.real, a.imaginary + c.imaginary}, odd{a.real - c.real, a.imaginary - c.imaginary};
    const Complex sum{b.real + d.real, b.imaginary + d.imaginary};
    const Complex difference{d.imaginary - b.imaginary, b.real - d.real};  // i (b - d)
    to[0] = {even.real + sum.real, even.imaginary + sum.imaginary};
    to[apart] = turned({odd.real + difference.real, odd.imaginary + difference.imaginary}, power);
    to[2 * apart] = turned({even.real - sum.real, even.imaginary - sum.imaginary}, 2 * power);
    to[3 * apart] = turned({odd.real - difference.real, odd.imaginary - difference.imaginary}, 3 * power);
}

// The second round of a transform, of a quarter of the points.
inline void second_round(Complex* values) {
#pragma GCC unroll 4
    for (Size index = 0; index < quarter / 4; ++index)
        combine(values + index, quarter / 4, quarter / 4, 4 * index, values + index);
}

// Replaces values by their sums with exp(2 pi i k t / points).
inline void transform(Complex* values) {
    for (Size index = 0; index < quarter; ++index) combine(values + index, quarter, quarter, index, values + index);
    for (Size start = 0; start < points; start += quarter) second_round(values + start);
    for (Size start = 0; start < points; start += 4) combine(values + start, 1, 1, 0, values + start);
}

// Filters of all channels. Arrays are contiguous.
struct Filters {
    Size channels, inputs, window, rows_per_step, pairs;  // pairs of outputs of a channel, a multiple of `filters`
    const double* spectra;  // (channel, point % quarter, point / quarter, pair / filters, input, pair % filters, part)
    const double* shift;  // (channel, pair, real or imaginary): what is subtracted
};

// What is read from and written to: `count` windows of inputs, and of channels, that lie `stride` numbers apart.
struct Rows {
    Size count, stride;
    const double* steps;
    double* distances;
};

class Spectra {
  public:
    Spectra(const Filters& own, const Rows& rows)
        : windows_of_block(points - own.window + 1), own(own), rows(rows), read(points * (together * own.inputs + 1)),
          sums(together * own.pairs * 4), written(together * own.pairs * row) {
        // The windows of a block are `rows_per_step` rows apart, so there are blocks for each of these rows.
        for (Size phase = 0; phase < own.rows_per_step; ++phase)
            for (Size first = phase; first < rows.count; first += windows_of_block * own.rows_per_step) starts.push_back(first);
    }

    // Finds all squared distances but those of windows in wild blocks, whose starts it returns.
    std::vector<Size> distances() {
        std::vector<Size> left;
        for (first = 0; first < Size(starts.size()); first += together * lanes) {
            count = std::min<Size>(together * lanes, starts.size() - first);
            for (Size part = 0; part * lanes < count; ++part) read_blocks(part, left);
            for (Size channel = 0; channel < own.channels; ++channel) {
                multiply(channel);
                for (Size part = 0; part * lanes < count; ++part) write_squares(channel, part);
            }
        }
        return left;
    }

    const Size windows_of_block;

  private:
    const Filters own;
    const Rows rows;
    std::vector<Size> starts;
    Size first = 0, count = 0;     // of the blocks that are transformed together
    std::vector<Complex> read;     // (point, input, part), and one more for each point, see `row`
    std::vector<Complex> sums;     // (pair, part, point / quarter), of one point % quarter
    std::vector<Complex> written;  // (pair, part, point), see `row`

    // Where the spectra of all inputs have a point.
    Complex* at(Size point) { return &read[point * (together * own.inputs + 1)]; }

    // The blocks in the lanes of a part.
    Size blocks_of(Size part) const { return std::min<Size>(lanes, count - part * lanes); }

    void read_blocks(Size part, std::vector<Size>& left) {
        const Size known = rows.count + (own.window - 1) * own.rows_per_step;
        Bits is_wild = {};
        for (Size input = 0; input < own.inputs; ++input) {
            const double* steps = rows.steps + input * rows.stride;
            Complex values[points] = {};
            for (Size lane = 0; lane < blocks_of(part); ++lane) {
                Size from = starts[first + part * lanes + lane];
                for (Size point = 0; point < points && from < known; ++point, from += own.rows_per_step)
                    values[point].real[lane] = steps[from];
            }
            for (Complex& value : values) {
                const Bits is_tame = (value.real <= wild) & (value.real >= -wild);  // not if it is NaN
                is_wild |= ~is_tame;
                value.real = is_tame ? value.real : Lanes{};
            }
            transform(values);
            for (Size point = 0; point < points; ++point)
                at(point)[input * together + part] = values[place_of((points - point) % points)];
        }
        for (Size lane = 0; lane < blocks_of(part); ++lane)
            if (is_wild[lane]) left.push_back(starts[first + part * lanes + lane]);
    }

    // Multiplies the spectra of the inputs by those of the filters of one channel, adds them up, and does the first round
    // of their transforms.
    void multiply(Size channel) {
        const double* spectrum = own.spectra + channel * points * own.pairs * own.inputs * 2;
        const double* shift = own.shift + channel * own.pairs * 2;
        for (Size index = 0; index < quarter; ++index) {
            for (Size place = 0; place < 4; ++place)
                for (Size pair = 0; pair < own.pairs; pair += filters, spectrum += own.inputs * filters * 2)
                    multiply(at(place * quarter + index), spectrum, &sums[pair * together * 4 + place]);
            for (Size number = 0; number < own.pairs * together; ++number) {
                Complex* of_filter = &sums[number * 4];
                if (index == 0) {
                    of_filter->real -= shift[number / together * 2];
                    of_filter->imaginary -= shift[number / together * 2 + 1];
                }
                combine(of_filter, 1, quarter + 1, index, &written[number * row + index]);
            }
        }
    }

    // The same of some filters at one point.
    void multiply(const Complex* values, const double* spectrum, Complex* to) {
        Lanes real[filters][together] = {}, imaginary[filters][together] = {};
        for (Size input = 0; input < own.inputs; ++input, spectrum += 2 * filters, values += together) {
            __builtin_prefetch(spectrum + ahead);
#pragma GCC unroll 4
            for (Size filter = 0; filter < filters; ++filter) {
                const double by_real = spectrum[2 * filter], by_imaginary = spectrum[2 * filter + 1];
#pragma GCC unroll 2
                for (Size part = 0; part < together; ++part) {
                    real[filter][part] += by_real * values[part].real;
                    real[filter][part] -= by_imaginary * values[part].imaginary;
                    imaginary[filter][part] += by_real * values[part].imaginary;
                    imaginary[filter][part] += by_imaginary * values[part].real;
                }
            }
        }
#pragma GCC unroll 4
        for (Size filter = 0; filter < filters; ++filter)
#pragma GCC unroll 2
            for (Size part = 0; part < together; ++part)
                to[(filter * together + part) * 4] = {real[filter][part], imaginary[filter][part]};
    }

    void write_squares(Size channel, Size part) {
        Lanes squares[points] = {};
        for (Size place = 0; place < 4; ++place)
            for (Size pair = 0; pair < own.pairs; ++pair)
                add_squares(&written[(pair * together + part) * row + place * (quarter + 1)], squares + place);
        double* distances = rows.distances + channel * rows.stride;
        for (Size lane = 0; lane < blocks_of(part); ++lane) {
            Size to = starts[first + part * lanes + lane];
            for (Size window = 0; window < windows_of_block && to < rows.count; ++window, to += own.rows_per_step)
                distances[to] = squares[window][lane];
        }
    }

    // The other rounds of a quarter of a transform, whose results are squared: every fourth one.
    static void add_squares(Complex* values, Lanes* squares) {
        second_round(values);
#pragma GCC unroll 4
        for (Size start = 0; start < quarter; start += 4) {
            Complex round[4];
            combine(values + start, 1, 1, 0, round);
#pragma GCC unroll 4
            for (Size place = 0; place < 4; ++place)
                squares[place_of(start + place)] +=
                    round[place].real * round[place].real + round[place].imaginary * round[place].imaginary;
        }
    }
};

}  // namespace seqae
