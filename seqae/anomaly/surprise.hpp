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
    constexpr int64_t half_root = 0x3fe6a09e667f3bcd;  // the bits of sqrt(1/2)
    const Bits shifted = (Bits)value - half_root, exponent = shifted >> 52;
    const Lanes k = __builtin_convertvector(exponent, Lanes);
    const Lanes f = (Lanes)((Bits)value - (exponent << 52)) - 1;
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

// The exponential function of numbers that are at most 700, within a unit in the last place, as in fdlibm (e_exp.c).
// NaN stays NaN.
inline Lanes exp_of(Lanes given) {
    constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52: what is added to it is rounded to a whole number
    const Lanes value = given < -700.0 ? Lanes{} - 700.0 : given;
    const Lanes shifted = value * 1.44269504088896338700e+00 + shift, k = shifted - shift;
    const Lanes high = value - k * 6.93147180369123816490e-01, low = k * 1.90821492927058770002e-10, r = high - low;
    const Lanes t = r * r;
    const Lanes c = r - t * (1.66666666666666019037e-01 +
                             t * (-2.77777777770155933842e-03 +
                                  t * (6.61375632143793436117e-05 +
                                       t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))));
    const Lanes found = 1 - ((low - (r * c) / (2 - c)) - high);
    return value == value ? (Lanes)((Bits)found + ((Bits)shifted << 52)) : value;
}

// What is usual for the distances of one kind and channel, see `Surprise`.
struct Usual {
    double degrees, scale, dimensions, usual, least, quiet, quiet_power;
};

// `filled` is 1 where a value was filled in, which makes a window quiet and is no evidence, and 0 elsewhere.
template <class Values>
[[gnu::always_inline]] inline Values evidence_of(const Usual& own, Values distance, Values filled) {
    distance = not_below(distance, filled * own.quiet);
    // log1p takes longer, and tells apart what the rounding of evidence makes equal.
    const Values zero{};
    const double per_scale = 1 / (own.degrees * own.scale);
    const Values surprise = (own.degrees + own.dimensions) / 2 * log_of(1 + distance * per_scale);
    const Values excess = surprise - own.usual;
    const Values capped = excess > soft_excess ? zero + soft_excess : excess;
    const Values soft = log_of(1 + exp_of(capped)) + not_below(excess - soft_excess, zero);
    const Values loud = not_below(soft - own.least, zero);
    if (!is_any(distance < own.quiet)) return loud;  // as most are
    const Values ratio = distance / own.quiet;
    return loud - own.quiet_power * log_of(ratio > 1 ? zero + 1 : not_below(ratio, zero + least_quiet));
}

}  // namespace seqae
