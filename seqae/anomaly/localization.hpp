// The evidence in rows from that in windows: what `Localization.of_rows` computes by torch, which writes down and reads
// again what stays in the cache here.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

extern "C" {
// localization_kernel.py has these two, too.
struct Resolution {
    int64_t length, count, stride;  // rows in a window; windows; how far those of a channel are from those of the next one
    const double* evidence;         // (channel, stride), by window
};
struct Localized {
    int64_t channels, rows, rows_before, resolution_count;
    double coarse_weight, least_weight, lasting_weight;  // see localization.py
    const Resolution* resolutions;                       // finest first
    double* evidence;                                    // (channel, row)
};
}

namespace seqae {

using Size = int64_t;
using Numbers = std::vector<double>;

inline double least(double a, double b) { return b < a ? b : a; }
inline double largest(double a, double b) { return b > a ? b : a; }
inline double nonzero(double value) { return largest(value, std::numeric_limits<double>::min()); }

// Replaces numbers by the one that is chosen from each and the `length` - 1 after it, of which there are as many: that of 1,
// 2, 4, ... of them, of which two may overlap.
template <double (*choose)(double, double)>
void choose_in_place(double* values, Size count, Size length) {
    for (Size size = 1, known = count + length - 1; size < length;) {
        const Size step = std::min(size, length - size);
        known -= step;
#pragma omp simd
        for (Size k = 0; k < known; ++k) values[k] = choose(values[k], values[k + step]);
        size += step;
    }
}

// Writes the sums of `length` numbers from each of `values` on, which are replaced.
inline void sums_of(double* values, Size count, Size length, double* sums) {
    std::fill(sums, sums + count, 0.0);
    for (Size size = 1, known = count + length - 1, done = 0;; size *= 2) {
        if (length & size) {
#pragma omp simd
            for (Size k = 0; k < count; ++k) sums[k] += values[k + done];
            done += size;
        }
        if (2 * size > length) break;
        known -= size;
#pragma omp simd
        for (Size k = 0; k < known; ++k) values[k] += values[k + size];
    }
}

class Localizer {
  public:
    explicit Localizer(const Localized& own) : own(own), fine(own.rows) {}

    // Returns whether all evidence is finite: the least and the largest of other numbers are not told here.
    bool localize() {
        for (Size which = 0; which < own.resolution_count; ++which) {
            const Resolution& windows = own.resolutions[which];
            Numbers totals = totals_of(windows);
            if (!std::isfinite(std::accumulate(totals.begin(), totals.end(), 0.0))) return false;
            const Numbers unexplained = which ? unexplained_of(windows, totals) : Numbers(windows.count, 1.0);
#pragma omp simd
            for (Size k = 0; k < windows.count; ++k) totals[k] *= unexplained[k];
            for (Size first = 0; first < own.rows; first += block)
                localize(windows, which == 0, unexplained, totals, first, std::min(block, own.rows - first));
        }
        return true;
    }

  private:
    static constexpr Size block = 1024;  // rows whose numbers stay in the cache
    const Localized own;
    Numbers fine;    // the evidence of the finest windows in rows, of all channels
    Numbers shares;  // (channel, row), of some rows

    Numbers totals_of(const Resolution& windows) const {
        Numbers totals(windows.count);
        for (Size channel = 0; channel < own.channels; ++channel)
#pragma omp simd
            for (Size k = 0; k < windows.count; ++k) totals[k] += windows.evidence[channel * windows.stride + k];
        return totals;
    }

    // The fraction of the evidence in coarse windows that exceeds the largest fine one in their rows.
    Numbers unexplained_of(const Resolution& windows, const Numbers& totals) const {
        Numbers found = fine;
        choose_in_place<largest>(found.data(), windows.count, windows.length);
        found.resize(windows.count);
#pragma omp simd
        for (Size k = 0; k < windows.count; ++k) found[k] = largest(totals[k] - found[k], 0) / nonzero(totals[k]);
        return found;
    }

    // Localizes the evidence of one resolution in `count` rows.
    void localize(const Resolution& windows, bool is_finest, const Numbers& unexplained, const Numbers& totals,
                  Size first, Size count) {
        const Size before = is_finest ? own.rows_before : 0, missing = std::max<Size>(before - first, 0);
        const Size begin = first - (before - missing), known = first + count - begin;
        shares.resize(own.channels * count);
        Numbers sums(count), parts(known), lately(before + count);
        for (Size channel = 0; channel < own.channels; ++channel) {
            parts_of(windows, windows.evidence + channel * windows.stride, unexplained, begin, parts);
            std::fill(lately.begin(), lately.begin() + missing, std::numeric_limits<double>::infinity());
            std::copy(parts.begin(), parts.end(), lately.begin() + missing);
            choose_in_place<least>(lately.data(), count, before + 1);
            double* share = &shares[channel * count];
            const double lasting = is_finest && before ? 1 - own.lasting_weight : 0;
#pragma omp simd
            for (Size k = 0; k < count; ++k) {
                share[k] = parts[first - begin + k] - lasting * lately[k];
                sums[k] += share[k];
            }
        }
        Numbers scale = around(windows, totals.data(), first, count);
        choose_in_place<least>(scale.data(), count, windows.length);
#pragma omp simd
        for (Size k = 0; k < count; ++k) scale[k] *= (is_finest ? 1 : own.coarse_weight) / nonzero(sums[k]);
        for (Size channel = 0; channel < own.channels; ++channel) {
            const double* share = &shares[channel * count];
            double* evidence = own.evidence + channel * own.rows + first;
            double* all = &fine[first];
            if (is_finest)
#pragma omp simd
                for (Size k = 0; k < count; ++k) all[k] += evidence[k] = share[k] * scale[k];
            else
#pragma omp simd
                for (Size k = 0; k < count; ++k) evidence[k] += share[k] * scale[k];
        }
    }

    // The mean of a channel's windows around rows, and their least.
    void parts_of(const Resolution& windows, const double* evidence, const Numbers& unexplained, Size begin,
                  Numbers& parts) const {
        Numbers numbers = around(windows, evidence, begin, parts.size());
        const Numbers factors = around(windows, unexplained.data(), begin, parts.size());
#pragma omp simd
        for (Size k = 0; k < Size(numbers.size()); ++k) numbers[k] *= factors[k];
        Numbers lowest = numbers;
        choose_in_place<least>(lowest.data(), parts.size(), windows.length);
        sums_of(numbers.data(), parts.size(), windows.length, parts.data());
        const double per_window = 1.0 / windows.length;
#pragma omp simd
        for (Size k = 0; k < Size(parts.size()); ++k) parts[k] = parts[k] * per_window + own.least_weight * lowest[k];
    }

    // The numbers of the windows that cover `count` rows, of which the first and the last one are repeated at the ends.
    static Numbers around(const Resolution& windows, const double* values, Size row, Size count) {
        Numbers found(count + windows.length - 1);
        const Size from = row - windows.length + 1, size = found.size();
        const Size start = std::clamp<Size>(-from, 0, size), stop = std::clamp<Size>(windows.count - from, 0, size);
        std::fill(found.begin(), found.begin() + start, values[0]);
        std::copy(values + from + start, values + from + stop, found.begin() + start);
        std::fill(found.begin() + stop, found.end(), values[windows.count - 1]);
        return found;
    }
};

}  // namespace seqae
