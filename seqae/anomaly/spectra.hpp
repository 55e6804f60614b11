// Squared distances of consecutive windows by Fourier transforms: what a window's residuals are made of overlaps the
// next window's, so each of them is a filter that runs over the channels.
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

constexpr Size points = 64;
constexpr Size together = 2, side = together * lanes;  // blocks that are transformed together
constexpr Size filters = lanes / 2;  // whose sums fit into the registers
constexpr double wild = 1e4;  // a larger number would leave its rounding errors in the windows around it

struct Complex {
    Lanes real, imaginary;
};

// Where a result of `transform` lies.
constexpr Size place_of(Size point) { return point % 4 * 16 + point / 4 % 4 * 4 + point / 16; }

// The root of unity to some power, as a number for real and imaginary parts.
struct Roots {
    double cosine[points], sine[points];
    Roots() {
        for (Size power = 0; power < points; ++power) {
            cosine[power] = std::cos(2 * M_PI * power / points);
            sine[power] = std::sin(2 * M_PI * power / points);
        }
    }
    Complex times(Complex value, Size power) const {
        const double real = cosine[power], imaginary = sine[power];
        return {value.real * real - value.imaginary * imaginary, value.real * imaginary + value.imaginary * real};
    }
};

// Replaces values by their sums with exp(2 pi i k t / points).
inline void transform(Complex* values) {
    static const Roots roots;
    for (Size size = points; size > 1; size /= 4) {
        const Size quarter = size / 4, step = points / size;
        for (Size index = 0; index < quarter; ++index)
            for (Size start = index; start < points; start += size) {
                Complex* at = values + start;
                const Complex a = at[0], b = at[quarter], c = at[2 * quarter], d = at[3 * quarter];
                const Complex even{a.real + c.real, a.imaginary + c.imaginary};
                const Complex odd{a.real - c.real, a.imaginary - c.imaginary};
                const Complex sum{b.real + d.real, b.imaginary + d.imaginary};
                const Complex turned{d.imaginary - b.imaginary, b.real - d.real};  // i (b - d)
                at[0] = {even.real + sum.real, even.imaginary + sum.imaginary};
                at[quarter] =
                    roots.times({odd.real + turned.real, odd.imaginary + turned.imaginary}, index * step);
                at[2 * quarter] =
                    roots.times({even.real - sum.real, even.imaginary - sum.imaginary}, 2 * index * step);
                at[3 * quarter] =
                    roots.times({odd.real - turned.real, odd.imaginary - turned.imaginary}, 3 * index * step);
            }
    }
}

// Filters of all channels. Arrays are contiguous.
struct Filters {
    Size channels, window, rows_per_step, pairs;  // pairs of outputs of a channel, a multiple of `filters`
    const double* spectra;  // (channel, point, pair / filters, channel, pair % filters, real or imaginary)
    const double* shift;    // (channel, pair, real or imaginary): what is subtracted
};

// What is read from and written to: `count` windows of channels that lie `stride` numbers apart.
struct Rows {
    Size count, stride;
    const double* steps;
    double* distances;
};

class Spectra {
  public:
    Spectra(const Filters& own, const Rows& rows)
        : windows_of_block(points - own.window + 1), own(own), rows(rows), read(points * own.channels * together),
          written(together * own.pairs * points) {
        // The windows of a block are `rows_per_step` rows apart, so there are blocks for each of these rows.
        for (Size phase = 0; phase < own.rows_per_step; ++phase)
            for (Size first = phase; first < rows.count; first += windows_of_block * own.rows_per_step) starts.push_back(first);
    }

    // Finds all squared distances but those of windows in wild blocks, whose starts it returns.
    std::vector<Size> distances() {
        std::vector<Size> left;
        for (Size first = 0; first < Size(starts.size()); first += side) {
            const Size count = std::min<Size>(side, starts.size() - first);
            read_blocks(first, count, left);
            for (Size channel = 0; channel < own.channels; ++channel) {
                multiply(channel);
                for (Size part = 0; part < together && part * lanes < count; ++part)
                    write_squares(channel, part, first, std::min<Size>(lanes, count - part * lanes));
            }
        }
        return left;
    }

    const Size windows_of_block;

  private:
    const Filters own;
    const Rows rows;
    std::vector<Size> starts;
    std::vector<Complex> read;     // (point, channel, together)
    std::vector<Complex> written;  // (together, pair, point)

    void read_blocks(Size first, Size count, std::vector<Size>& left) {
        const Size known = rows.count + (own.window - 1) * own.rows_per_step;
        bool is_wild[side] = {};
        for (Size channel = 0; channel < own.channels; ++channel)
            for (Size part = 0; part < together; ++part) {
                Complex values[points] = {};
                for (Size lane = 0; lane < lanes && part * lanes + lane < count; ++lane) {
                    const Size block = part * lanes + lane;
                    const double* steps = rows.steps + channel * rows.stride;
                    Size at = starts[first + block];
                    for (Size point = 0; point < points && at < known; ++point, at += own.rows_per_step) {
                        const bool is_tame = std::fabs(steps[at]) <= wild;  // not if it is NaN
                        is_wild[block] |= !is_tame;
                        values[point].real[lane] = is_tame ? steps[at] : 0;
                    }
                }
                transform(values);
                for (Size point = 0; point < points; ++point)
                    read[(point * own.channels + channel) * together + part] =
                        values[place_of((points - point) % points)];
            }
        for (Size block = 0; block < count; ++block)
            if (is_wild[block]) left.push_back(starts[first + block]);
    }

    // Multiplies the spectra of the channels by those of the filters of one channel, and adds them up.
    void multiply(Size channel) {
        const double* spectrum = own.spectra + channel * points * own.pairs * own.channels * 2;
        const double* shift = own.shift + channel * own.pairs * 2;
        for (Size point = 0; point < points; ++point) {
            const Complex* from = &read[point * own.channels * together];
            for (Size first = 0; first < own.pairs; first += filters) {
                Lanes real[filters][together], imaginary[filters][together];
#pragma GCC unroll 4
                for (Size filter = 0; filter < filters; ++filter)
#pragma GCC unroll 2
                    for (Size part = 0; part < together; ++part) {
                        real[filter][part] = Lanes{} - (point ? 0 : shift[2 * (first + filter)]);
                        imaginary[filter][part] = Lanes{} - (point ? 0 : shift[2 * (first + filter) + 1]);
                    }
                const Complex* values = from;
                for (Size input = 0; input < own.channels; ++input) {
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
                    spectrum += 2 * filters;
                    values += together;
                }
#pragma GCC unroll 4
                for (Size filter = 0; filter < filters; ++filter)
#pragma GCC unroll 2
                    for (Size part = 0; part < together; ++part)
                        written[(part * own.pairs + first + filter) * points + point] = {
                            real[filter][part], imaginary[filter][part]};
            }
        }
    }

    void write_squares(Size channel, Size part, Size first, Size count) {
        Lanes sums[points] = {};
        for (Size pair = 0; pair < own.pairs; ++pair) {
            Complex* values = &written[(part * own.pairs + pair) * points];
            transform(values);
            for (Size place = 0; place < points; ++place)
                sums[place] += values[place].real * values[place].real + values[place].imaginary * values[place].imaginary;
        }
        for (Size lane = 0; lane < count; ++lane) {
            Size at = starts[first + part * lanes + lane];
            double* distances = rows.distances + channel * rows.stride;
            for (Size window = 0; window < windows_of_block && at < rows.count; ++window, at += own.rows_per_step)
                distances[at] = sums[place_of(window)][lane];
        }
    }
};

}  // namespace seqae
