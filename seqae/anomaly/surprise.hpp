// What a distance says, as `Surprise.evidence` has it: for a number, and for several side by side.

#pragma once

#include <cmath>
#include <cstdint>

namespace seqae {

#ifdef __AVX512F__
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif
typedef double Lanes __attribute__((vector_size(lanes * sizeof(double))));
typedef int64_t Bits __attribute__((vector_size(lanes * sizeof(double))));
typedef uint64_t Whole __attribute__((vector_size(lanes * sizeof(double))));

constexpr double soft_excess = 30, least_quiet = 1e-6;

// Unlike std::max, it lets NaN through.
template <class Values>
Values not_below(Values value, Values low) {
    return value < low ? low : value;
}

inline bool is_any(bool condition) { return condition; }
inline bool is_any(Bits mask) {
    int64_t found = 0;
    for (int lane = 0; lane < lanes; ++lane) found |= mask[lane];
    return found;
}

inline double log_of(double value) { return std::log(value); }
inline double exp_of(double value) { return std::exp(value); }

// The logarithm of positive numbers that are not subnormal, within a unit in the last place, as in fdlibm (Sun
// Microsystems 1993, https://www.netlib.org/fdlibm/e_log.c). NaN and infinity stay what they are.
inline Lanes log_of(Lanes value) {
    constexpr uint64_t half_root = 0x3fe6a09e667f3bcd;  // the bits of sqrt(1/2)
    constexpr uint64_t bias = 1023, whole = 0x4330000000000000;  // of an exponent; the bits of 2^52
    const Whole exponent = ((Whole)value - half_root + (bias << 52)) >> 52;
    const Lanes k = (Lanes)(exponent | whole) - (4503599627370496.0 + bias);  // few processors convert integers
    const Lanes f = (Lanes)((Whole)value - ((exponent - bias) << 52)) - 1;
    const Lanes s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    const Lanes series =
        z * (6.666666666666735130e-01 +
             z * (3.999999999940941908e-01 +
                  z * (2.857142874366239149e-01 +
                       z * (2.222219843214978396e-01 +
                            z * (1.818357216161805012e-01 +
                                 z * (1.531383769920937332e-01 + z * 1.479819860511658591e-01))))));
    const Lanes found =
        k * 6.93147180369123816490e-01 - ((half - (s * (half + series) + k * 1.90821492927058770002e-10)) - f);
    return value - value == 0 ? found : value;
}

// Of 13 down to 0.
constexpr double inverse_factorials[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                                         1.0 / 40320,      1.0 / 5040,      1.0 / 720,      1.0 / 120,     1.0 / 24,
                                         1.0 / 6,          1.0 / 2,         1,              1};

// The exponential function of numbers that are at most 700, within two units in the last place. NaN stays NaN.
inline Lanes exp_of(Lanes given) {
    constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52: what is added to it is rounded to a whole number
    const Lanes value = given < -700.0 ? Lanes{} - 700.0 : given;
    const Lanes shifted = value * 1.44269504088896338700e+00 + shift, k = shifted - shift;
    const Lanes r = value - k * 6.93147180369123816490e-01 - k * 1.90821492927058770002e-10;
    Lanes series = Lanes{} + inverse_factorials[0];  // Taylor's
#pragma GCC unroll 13
    for (int term = 1; term < 14; ++term) series = series * r + inverse_factorials[term];
    return value == value ? (Lanes)((Bits)series + ((Bits)shifted << 52)) : value;
}

// What is usual for the distances of one kind and channel, see `Surprise`.
struct Usual {
    double degrees, scale, dimensions, usual, least, quiet, quiet_power;
};

// What a distance adds to the evidence: the logarithm of `factor`, and `rest`.
template <class Values>
struct Part {
    Values factor, rest;
};

// `filled` is 1 where a value was filled in, which makes a window quiet and is no evidence, and 0 elsewhere.
template <class Values>
[[gnu::always_inline]] inline Part<Values> part_of(const Usual& own, Values distance, Values filled) {
    distance = not_below(distance, filled * own.quiet);
    // log1p takes longer, and tells apart what the rounding of evidence makes equal.
    const Values zero{};
    const double per_scale = 1 / (own.degrees * own.scale);
    const Values surprise = (own.degrees + own.dimensions) / 2 * log_of(1 + distance * per_scale);
    const Values excess = surprise - own.usual;
    const Values capped = excess > soft_excess ? zero + soft_excess : excess;
    Values rest = not_below(excess - soft_excess, zero) - own.least;
    if (is_any(distance < own.quiet)) {
        const Values ratio = distance / own.quiet;
        rest -= own.quiet_power * log_of(ratio > 1 ? zero + 1 : not_below(ratio, zero + least_quiet));
    }
    return {1 + exp_of(capped), rest};
}

// The evidence of a channel's values and its residuals together: one logarithm is enough for both.
template <class Values>
Values evidence_of(const Part<Values>& one, const Part<Values>& other) {
    return not_below(log_of(one.factor * other.factor) + (one.rest + other.rest), Values{});
}

}  // namespace seqae
