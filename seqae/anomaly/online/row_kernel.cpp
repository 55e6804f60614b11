// The scores of one row of a stream, in double precision: what segment.py computes with torch for many rows at a time.
//
// A row costs one pass over the weights of each resolution's model; the rest is small. No memory is taken, and nothing
// is kept from one call to the next but what the caller hands over: the rows, the evidence in windows, and what the
// finest windows say of rows.

#include "../surprise.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

using Size = int64_t;
using seqae::Lanes;
using seqae::lanes;
using seqae::not_below;

extern "C" {
// row_kernel.py has these three, too. Arrays are contiguous.
struct Resolution {
    Size window, rows_per_step;
    const double *model_center, *model_weight;  // of a linear model; weight null: the caller reconstructs
    const double *square_center, *square_weight;  // of the squares of the steps; weight null: it does not see them
    const double* reconstruction;               // (window, channel), of the latest window
    const double *value_center, *value_factor, *residual_center, *residual_factor;  // as in `Whitening`
    const seqae::Usual* usual;  // (kind, channel)
    double compared;  // the caller compares windows with more evidence with accepted ones; infinite if there are none
};
struct Calibration {
    Size count;
    const double *grid, *rarity;
    double shape, scale, lowered;
};
struct Row {
    Size channels, resolution_count;
    const Resolution* resolutions;
    Calibration calibration, latest;
    const double *mean, *scale;   // (channel,)
    const bool* is_constant;      // (channel,)
    const double* fill_weights;   // (window - 1, channel): how a residual follows from those before
    double* scratch;              // 3 * max(window * channel, kept + channel)
    const double* values;         // (channel,): the latest row in the units of the data
    float* scaled;                // (channel,): the same as the models read it
    float *provisional, *result;  // (1 + channel): the score and what each channel contributes
    Size most;                    // rows that may be kept
    double* found;                // (1 + most, 2 + channel), see `found_of`; its first number: how many are known
    double* table;                // (kept, 2 + resolution, channel), see `SegmentScorer.table`
    Size first;                   // the number of the first row that is kept
    Size kept;                    // rows, the new one included
    Size final;                   // the row that becomes final; -1 if none does
    Size is_near_end;             // whether the final row is near the start of its segment
};
}

namespace {

constexpr double tiny = std::numeric_limits<double>::min();
constexpr double coarse_weight = 0.5, least_weight = 3, lasting_weight = 0.03, rounding = 1e9;
constexpr double largest_square = 16;  // as in linear_windows.py

Size length_of(const Resolution& resolution) { return resolution.window * resolution.rows_per_step; }

// Where the table has something of a row: its values, completed (0) and as they came (1), and the evidence in the windows
// that start with it (2 and on).
double* at(const Row& row, Size number, Size block) {
    return row.table + (number * (2 + row.resolution_count) + block) * row.channels;
}

Lanes load(const double* from) {
    Lanes values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

double sum_of(Lanes values) {
    double sum = 0;
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; ++lane) sum += values[lane];
    return sum;
}

double sum_of(const double* values, Size count) {
    double sum = 0;
    for (Size place = 0; place < count; ++place) sum += values[place];
    return sum;
}

// Subtracts the products of four rows of a matrix with a vector: each value of the vector is read once for all of them,
// and the sums do not wait for each other.
void subtract_four_products(const double* rows, const double* right, Size count, double* to) {
    Lanes sums[4][2] = {};
    Size k = 0;
    for (; k + 2 * lanes <= count; k += 2 * lanes) {
        const Lanes first = load(right + k), second = load(right + k + lanes);
#pragma GCC unroll 4
        for (Size row = 0; row < 4; ++row) {
            const double* from = rows + row * count + k;
            __builtin_prefetch(from + 4 * count);  // the next four rows
            if (lanes == 8) __builtin_prefetch(from + 4 * count + lanes);
            sums[row][0] += load(from) * first;
            sums[row][1] += load(from + lanes) * second;
        }
    }
#pragma GCC unroll 4
    for (Size row = 0; row < 4; ++row) {
        double sum = sum_of(sums[row][0] + sums[row][1]);
        for (Size rest = k; rest < count; ++rest) sum += rows[row * count + rest] * right[rest];
        to[row] -= sum;
    }
}

// Subtracts a square matrix times a vector.
void subtract_product(const double* matrix, const double* right, Size count, double* to) {
    Size row = 0;
    for (; row + 4 <= count; row += 4) subtract_four_products(matrix + row * count, right, count, to + row);
    for (; row < count; ++row) {
        double sum = 0;
        for (Size k = 0; k < count; ++k) sum += matrix[row * count + k] * right[k];
        to[row] -= sum;
    }
}

// The latest `length` rows as steps `(window, channel)`: each the mean of consecutive rows.
void steps_of(const Row& row, const Resolution& resolution, double* steps) {
    const Size channels = row.channels, per_step = resolution.rows_per_step;
    Size number = row.kept - length_of(resolution);
    for (Size step = 0; step < resolution.window; ++step, steps += channels) {
        std::fill(steps, steps + channels, 0.0);
        for (Size part = 0; part < per_step; ++part) {
            const double* from = at(row, number++, 0);
#pragma omp simd
            for (Size channel = 0; channel < channels; ++channel) steps[channel] += from[channel];
        }
#pragma omp simd
        for (Size channel = 0; channel < channels; ++channel) steps[channel] /= static_cast<double>(per_step);
    }
}

// The residuals of a window, all `(window, channel)`. `deviations` has room for as many.
void residuals_of(const Row& row, const Resolution& resolution, const double* steps, double* deviations, double* to) {
    const Size size = resolution.window * row.channels;
    if (!resolution.model_weight) {
        for (Size k = 0; k < size; ++k) to[k] = steps[k] - resolution.reconstruction[k];
        return;
    }
    for (Size k = 0; k < size; ++k) to[k] = deviations[k] = steps[k] - resolution.model_center[k];
    subtract_product(resolution.model_weight, deviations, size, to);
    if (!resolution.square_weight) return;
    for (Size k = 0; k < size; ++k)
        deviations[k] = std::min(steps[k] * steps[k], largest_square) - resolution.square_center[k];
    subtract_product(resolution.square_weight, deviations, size, to);
}

// The squared Mahalanobis distance of one channel: |deviations times factor|^2, sixteen columns of the factor at a time.
double distance(const double* deviations, const double* factor, Size window) {
    constexpr Size parts = 16 / lanes;
    double total = 0;
    Size column = 0;
    for (; column + 16 <= window; column += 16) {
        Lanes sums[parts] = {};
        for (Size step = 0; step < window; ++step) {
            const double* from = factor + step * window + column;
#pragma GCC unroll 4
            for (Size part = 0; part < parts; ++part) sums[part] += deviations[step] * load(from + lanes * part);
        }
        Lanes squares = sums[0] * sums[0];
#pragma GCC unroll 4
        for (Size part = 1; part < parts; ++part) squares += sums[part] * sums[part];
        total += sum_of(squares);
    }
    for (; column < window; ++column) {
        double sum = 0;
        for (Size step = 0; step < window; ++step) sum += deviations[step] * factor[step * window + column];
        total += sum * sum;
    }
    return total;
}

// Whether values of the rows from `first` on are missing: of any channel, or of one.
bool is_filled(const Row& row, Size first) {
    double sum = 0;  // NaN if one is missing
    for (Size number = first; number < row.kept; ++number) {
        const double* came = at(row, number, 1);
#pragma omp simd reduction(+ : sum)
        for (Size channel = 0; channel < row.channels; ++channel) sum += came[channel];
    }
    return std::isnan(sum);
}

bool is_filled(const Row& row, Size first, Size channel) {
    double sum = 0;
    for (Size number = first; number < row.kept; ++number) sum += at(row, number, 1)[channel];
    return std::isnan(sum);
}

// Writes the evidence in the window that ends with the latest row, and returns whether the caller has to compare it.
bool judge_window(const Row& row, Size which) {
    const Resolution& resolution = row.resolutions[which];
    const Size channels = row.channels, window = resolution.window, size = window * channels;
    double *steps = row.scratch, *residuals = steps + size, *deviations = residuals + size;
    steps_of(row, resolution, steps);
    residuals_of(row, resolution, steps, deviations, residuals);
    const Size first = row.kept - length_of(resolution);
    const bool is_any_filled = is_filled(row, first);
    double* evidence = at(row, first, 2 + which);
    for (Size channel = 0; channel < channels; ++channel) {
        const Size own = channel * window * window;
        seqae::Part<double> parts[2];
        for (Size kind = 0; kind < 2; ++kind) {
            const double* values = kind ? residuals : steps;
            const double* center = kind ? resolution.residual_center : resolution.value_center;
            const double* factor = (kind ? resolution.residual_factor : resolution.value_factor) + own;
            for (Size step = 0; step < window; ++step)
                deviations[step] = values[step * channels + channel] - center[step * channels + channel];
            const double filled = is_any_filled && is_filled(row, first, channel);
            parts[kind] = seqae::part_of(resolution.usual[kind * channels + channel],
                                         distance(deviations, factor, window), filled);
        }
        evidence[channel] = seqae::evidence_of(parts[0], parts[1]);
    }
    return sum_of(evidence, channels) > resolution.compared;
}

// What `Scaler.transform` says of the latest row; returns whether a value is missing.
bool scale_latest(const Row& row) {
    constexpr double rounding_of_float = std::numeric_limits<float>::epsilon();
    const Size last = row.kept - 1;
    double *filled = at(row, last, 0), *came = at(row, last, 1), *evidence = at(row, last, 2);
    bool is_missing = false;
    for (Size channel = 0; channel < row.channels; ++channel) {
        const double value = row.values[channel], mean = row.mean[channel], deviation = value - mean;
        double scaled = std::min(std::max(deviation / row.scale[channel], -1e6), 1e6);
        if (row.is_constant[channel] && value == static_cast<float>(value) &&
            std::abs(deviation) <= rounding_of_float * std::abs(mean))
            scaled = 0;
        if (std::isnan(value)) is_missing = true, scaled = value;
        filled[channel] = came[channel] = row.scaled[channel] = static_cast<float>(scaled);
    }
    std::fill(evidence, evidence + row.resolution_count * row.channels, std::numeric_limits<double>::quiet_NaN());
    return is_missing;
}

// What `Scorer.fill` says of the latest row, if the finest model is linear.
void fill_latest(const Row& row) {
    const Resolution& finest = row.resolutions[0];
    const Size channels = row.channels, window = finest.window, size = window * channels, last = size - channels;
    double *latest = at(row, row.kept - 1, 0), *came = at(row, row.kept - 1, 1);
    for (Size channel = 0; channel < channels; ++channel)
        if (std::isnan(came[channel])) latest[channel] = row.kept > 1 ? at(row, row.kept - 2, 0)[channel] : 0;
    if (finest.rows_per_step > 1) return;
    double *steps = row.scratch, *residuals = steps + size, *deviations = residuals + size;
    for (Size step = 0; step < window; ++step) {  // before the first row, rows are normal
        const Size number = row.kept - window + step;
        if (number < 0)
            std::fill(steps + step * channels, steps + (step + 1) * channels, 0.0);
        else
            std::copy(at(row, number, 0), at(row, number, 0) + channels, steps + step * channels);
    }
    residuals_of(row, finest, steps, deviations, residuals);
    for (Size channel = 0; channel < channels; ++channel) {
        if (!std::isnan(came[channel])) continue;
        double expected = finest.residual_center[last + channel];
        for (Size k = channel; k < last; k += channels)
            expected -= (residuals[k] - finest.residual_center[k]) * row.fill_weights[k];
        latest[channel] = steps[last + channel] - residuals[last + channel] + expected;
    }
}

// Writes how much evidence each channel has in a row by the windows that cover it, their mean and their least, and
// returns the least of their sums. Each window counts as far as its factor says; the first one counts for those before
// it.
double parts_of_row(const Row& row, Size number, Size which, const double* factors, double* parts, double* least) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const Size channels = row.channels, length = length_of(row.resolutions[which]);
    double least_sum = infinity;
    std::fill(parts, parts + channels, 0.0);
    std::fill(least, least + channels, infinity);
    for (Size place = number - length + 1; place <= number; ++place) {
        const Size window = std::max<Size>(place, 0);
        const double *evidence = at(row, window, 2 + which), factor = factors ? factors[window] : 1;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Size channel = 0; channel < channels; ++channel) {
            const double own = evidence[channel] * factor;
            sum += own;
            parts[channel] += own;
            least[channel] = own < least[channel] ? own : least[channel];
        }
        least_sum = sum < least_sum ? sum : least_sum;
    }
    for (Size channel = 0; channel < channels; ++channel)
        parts[channel] = parts[channel] / static_cast<double>(length) + least_weight * least[channel];
    return least_sum;
}

// What the finest windows say of a row, once all that cover it are complete: the evidence in the one that starts with
// it, the least of theirs, and the parts of the channels, see `parts_of_row`.
double* found_of(const Row& row, Size number) {
    return row.found + (1 + (row.first + number) % row.most) * (2 + row.channels);
}

// Finds what the finest windows say of rows of which it is not known yet: mostly of one.
void find(const Row& row, double* least) {
    const Size windows = row.kept - length_of(row.resolutions[0]) + 1;
    for (Size number = std::max<Size>(static_cast<Size>(row.found[0]) - row.first, 0); number < windows; ++number) {
        double* found = found_of(row, number);
        found[0] = sum_of(at(row, number, 2), row.channels);
        found[1] = parts_of_row(row, number, 0, nullptr, found + 2, least);
    }
    row.found[0] = static_cast<double>(row.first + windows);
}

// Divides evidence among the channels by their parts and adds it to `total`.
void add_parts(const Row& row, double evidence, const double* parts, double* total) {
    const double sum = not_below(sum_of(parts, row.channels), tiny);
    for (Size channel = 0; channel < row.channels; ++channel) total[channel] += evidence * parts[channel] / sum;
}

double score_of(const Calibration& calibration, double evidence) {
    const double *grid = calibration.grid, *rarity = calibration.rarity;
    evidence = std::nearbyint(evidence * rounding) / rounding;
    const Size found = std::upper_bound(grid, grid + calibration.count, evidence) - grid - 1;
    const Size above = std::max<Size>(0, std::min(found, calibration.count - 2));
    const double width = std::max(grid[above + 1] - grid[above], 1e-12);
    const double position = std::min(not_below((evidence - grid[above]) / width, 0.0), 1.0);
    const double within = rarity[above] + position * (rarity[above + 1] - rarity[above]);
    const double excess = not_below(evidence - grid[calibration.count - 1], 0.0) / calibration.scale;
    const double tail = std::log1p(calibration.shape * excess) / calibration.shape;
    return not_below(within + tail / std::log(10.0) - calibration.lowered, 0.0);
}

// Writes a score and its parts; a missing value has none.
void divide(const Row& row, Size number, double score, const double* evidence, float* to) {
    const double* came = at(row, number, 1);
    constexpr float unknown = std::numeric_limits<float>::quiet_NaN();
    const double share = score / not_below(sum_of(evidence, row.channels), tiny);
    to[0] = unknown;
    for (Size channel = 0; channel < row.channels; ++channel) {
        const bool is_missing = std::isnan(came[channel]);
        to[1 + channel] = is_missing ? unknown : static_cast<float>(evidence[channel] * share);
        if (!is_missing) to[0] = static_cast<float>(score);
    }
}

// As `Localization.of_last_rows` says it of the latest row. `least` has what the finest windows leave of each row.
void score_latest(const Row& row, const double* least, double* evidence) {
    const Size channels = row.channels, last = row.kept - length_of(row.resolutions[0]);
    std::copy(at(row, last, 2), at(row, last, 2) + channels, evidence);
    for (Size which = 1; which < row.resolution_count; ++which) {
        const Size window = row.kept - length_of(row.resolutions[which]);
        if (window < 0) continue;
        const double* own = at(row, window, 2 + which);
        const double explained = std::max(*std::max_element(least + window, least + last + 1), found_of(row, last)[0]);
        const double sum = sum_of(own, channels), share = not_below(sum - explained, 0.0) / not_below(sum, tiny);
        for (Size channel = 0; channel < channels; ++channel) evidence[channel] += coarse_weight * (own[channel] * share);
    }
    divide(row, row.kept - 1, score_of(row.latest, sum_of(evidence, channels)), evidence, row.provisional);
}

// Of the windows that cover the final row, the fraction of their evidence that exceeds the largest fine one in their
// rows.
void unexplained_of(const Row& row, Size which, const double* least, double* factors) {
    const Size length = length_of(row.resolutions[which]), first = std::max<Size>(row.final - length + 1, 0);
    std::copy(least + first, least + row.final + 1, factors + first);
    for (Size offset = 1; offset < length; ++offset)
#pragma omp simd
        for (Size place = first; place <= row.final; ++place) {
            const double other = least[place + offset];
            factors[place] = other > factors[place] ? other : factors[place];
        }
    for (Size place = first; place <= row.final; ++place) {
        const double sum = sum_of(at(row, place, 2 + which), row.channels);
        factors[place] = not_below(sum - factors[place], 0.0) / not_below(sum, tiny);
    }
}

// As `Localization.of_rows` says it of the row that becomes final.
void score_final(const Row& row, const double* least, double* factors, double* evidence) {
    const Size channels = row.channels;
    double *parts = evidence + channels, *lately = parts + channels;
    const double* found = found_of(row, row.final);
    std::fill(evidence, evidence + channels, 0.0);
    std::copy(found + 2, found + 2 + channels, parts);
    Size before = 0;
    for (Size which = 1; which < row.resolution_count; ++which)
        before = std::max(before, length_of(row.resolutions[which]) - 1);
    if (before) {
        std::copy(parts, parts + channels, lately);
        for (Size number = std::max<Size>(row.final - before, 0); number < row.final; ++number) {
            const double* others = found_of(row, number) + 2;
#pragma omp simd
            for (Size channel = 0; channel < channels; ++channel)
                lately[channel] = others[channel] < lately[channel] ? others[channel] : lately[channel];
        }
        for (Size channel = 0; channel < channels; ++channel) parts[channel] -= (1 - lasting_weight) * lately[channel];
    }
    add_parts(row, found[1], parts, evidence);
    for (Size which = 1; which < row.resolution_count; ++which) {
        unexplained_of(row, which, least, factors);
        add_parts(row, coarse_weight * parts_of_row(row, row.final, which, factors, parts, lately), parts, evidence);
    }
    const double sum = sum_of(evidence, channels);
    double score = score_of(row.calibration, sum);
    if (row.is_near_end) {
        const double other = score_of(row.latest, sum);
        score = other < score ? other : score;
    }
    divide(row, row.final, score, evidence, row.result);
}

}  // namespace

extern "C" {
// Scales the latest row, and completes it if it may; returns whether the caller has to.
int begin_row(const Row* row, int may_fill) {
    if (!scale_latest(*row)) return 0;
    if (may_fill) fill_latest(*row);
    return !may_fill;
}

// Writes the evidence in the windows that end with the latest row, and returns whether the caller has to compare one.
int judge_row(const Row* given) {
    const Row& row = *given;
    bool is_far = false;
    for (Size which = 0; which < row.resolution_count; ++which)
        if (row.kept >= length_of(row.resolutions[which])) is_far |= judge_window(row, which);
    return is_far;
}

// Scores the latest row provisionally, and the one that becomes final.
void score_row(const Row* given) {
    const Row& row = *given;
    const Size windows = row.kept - length_of(row.resolutions[0]) + 1;
    if (windows < 1) {  // nothing is known yet
        std::fill(row.provisional, row.provisional + 1 + row.channels, std::numeric_limits<float>::quiet_NaN());
        return;
    }
    double *least = row.scratch, *factors = least + row.kept, *evidence = factors + row.kept;
    find(row, evidence);
    for (Size number = 0; number < windows; ++number) least[number] = found_of(row, number)[1];
    score_latest(row, least, evidence);
    if (row.final >= 0) score_final(row, least, factors, evidence);
}
}
