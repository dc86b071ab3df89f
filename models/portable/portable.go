// Package portable holds the transcendental functions and the random draws of all
// that is planned or drawn, with one result on every machine. Those of Go's math package are in
// assembly on some processors, and its compiler fuses x*y+z into one rounding
// where the processor can; here every product is rounded by itself.
//
// What flows in and out: numbers, and streams of random ones. It imports the standard library; models and
// sim/plan import it.
package portable

import (
	"math"
	"math/rand/v2"
)

// The two parts of ln 2 of the fdlibm functions below.
const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
)

// Exp returns eˣ, by FreeBSD's e_exp.c (msun, of fdlibm) as Go's math package has
// it.
func Exp(x float64) float64 {
	const (
		overflow  = 7.09782712893383973096e+02
		underflow = -7.45133219101941108420e+02
		nearZero  = 1.0 / (1 << 28)
		p1        = 1.66666666666666657415e-01
		p2        = -2.77777777770155933842e-03
		p3        = 6.61375632143793436117e-05
		p4        = -1.65339022054652515390e-06
		p5        = 4.13813679705723846039e-08
	)
	switch {
	case math.IsNaN(x):
		return x
	case x > overflow:
		return math.Inf(1)
	case x < underflow:
		return 0
	case -nearZero < x && x < nearZero:
		return 1 + x
	}
	k := math.Trunc(float64(math.Log2E*x) + math.Copysign(0.5, x))
	hi, lo := x-float64(k*ln2Hi), float64(k*ln2Lo)
	r := hi - lo
	t := float64(r * r)
	c := r - float64(t*(p1+float64(t*(p2+float64(t*(p3+float64(t*(p4+float64(t*p5)))))))))
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return math.Ldexp(y, int(k))
}

// Log returns the natural logarithm of x, by FreeBSD's e_log.c (msun, of fdlibm)
// as Go's math package has it.
func Log(x float64) float64 {
	const (
		l1 = 6.666666666666735130e-01
		l2 = 3.999999999940941908e-01
		l3 = 2.857142874366239149e-01
		l4 = 2.222219843214978396e-01
		l5 = 1.818357216161805012e-01
		l6 = 1.531383769920937332e-01
		l7 = 1.479819860511658591e-01
	)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	f1, ki := math.Frexp(x)
	if f1 < math.Sqrt2/2 {
		f1 *= 2
		ki--
	}
	f, k := f1-1, float64(ki)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	t1 := float64(s2 * (l1 + float64(s4*(l3+float64(s4*(l5+float64(s4*l7)))))))
	t2 := float64(s4 * (l2 + float64(s4*(l4+float64(s4*l6)))))
	hfsq := float64(float64(0.5*f) * f)
	return float64(k*ln2Hi) - ((hfsq - (float64(s*(hfsq+(t1+t2))) + float64(k*ln2Lo))) - f)
}

// Log1p returns log(1+x), also of a small x, by the correction that the HP-15C's
// handbook gives for the rounding of 1+x (W. Kahan).
func Log1p(x float64) float64 {
	u := 1 + x
	if u == 1 || math.IsInf(u, 1) {
		return x
	}
	if u <= 0 || math.IsNaN(u) {
		return Log(u)
	}
	return float64(Log(u) * (x / (u - 1)))
}

// Expm1 returns eˣ−1, also of a small x, by Kahan's correction for the rounding of
// eˣ.
func Expm1(x float64) float64 {
	u := Exp(x)
	switch {
	case u == 1:
		return x
	case math.IsInf(u, 1), math.IsNaN(u), u < 1.0/(1<<54):
		return u - 1
	}
	if math.Abs(x) > 1 {
		return u - 1
	}
	return float64((u - 1) * (x / Log(u)))
}

// Pow returns xʸ of an x that is not negative, as Go's math package does: the
// whole part of y by squaring, the rest by Exp and Log.
func Pow(x, y float64) float64 {
	switch {
	case y == 0 || x == 1:
		return 1
	case math.IsNaN(x) || math.IsNaN(y) || x < 0:
		return math.NaN()
	case x == 0 || math.IsInf(x, 1) || math.IsInf(y, 0):
		return math.Pow(x, y) // exact
	case math.Abs(y) >= 1<<53:
		return Exp(float64(y * Log(x))) // 0 or infinite but for an x next to 1
	}
	whole, part := math.Modf(math.Abs(y))
	if part > 0.5 {
		part--
		whole++
	}
	a, ae := 1.0, 0
	if part != 0 {
		a = Exp(float64(part * Log(x)))
	}
	square, xe := math.Frexp(x)
	for i := int64(whole); i != 0; i >>= 1 {
		if xe < -1<<12 || 1<<12 < xe { // it overflows, or is 0
			ae += xe
			break
		}
		if i&1 == 1 {
			a *= square
			ae += xe
		}
		square = float64(square * square)
		xe <<= 1
		if square < 0.5 {
			square += square
			xe--
		}
	}
	if y < 0 {
		a, ae = 1/a, -ae
	}
	return math.Ldexp(a, ae)
}

// Sincos returns the sine and the cosine of x, by Cephes (sin.c) as Go's math
// package has it, of an |x| below 2²⁹.
func Sincos(x float64) (sin, cos float64) {
	const (
		pi4A = 7.85398125648498535156e-1 // π/4 in three parts
		pi4B = 3.77489470793079817668e-8
		pi4C = 2.69515142907905952645e-15
	)
	if math.IsNaN(x) || math.Abs(x) >= 1<<29 {
		return math.NaN(), math.NaN()
	}
	negative := math.Signbit(x)
	x = math.Abs(x)
	j := uint64(x * (4 / math.Pi))
	if j&1 == 1 {
		j++
	}
	y := float64(j)
	z := ((x - float64(y*pi4A)) - float64(y*pi4B)) - float64(y*pi4C)
	zz := float64(z * z)
	sin = z + float64(float64(z*zz)*polynomial(zz, 1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
		-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1))
	cos = 1 - float64(0.5*zz) + float64(float64(zz*zz)*polynomial(zz, -1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
		2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2))
	switch j & 7 {
	case 2:
		sin, cos = cos, -sin
	case 4:
		sin, cos = -sin, -cos
	case 6:
		sin, cos = -cos, sin
	}
	if negative {
		sin = -sin
	}
	return sin, cos
}

// Sin returns the sine of x, as Sincos does.
func Sin(x float64) float64 {
	sin, _ := Sincos(x)
	return sin
}

// Cos returns the cosine of x, as Sincos does.
func Cos(x float64) float64 {
	_, cos := Sincos(x)
	return cos
}

// polynomial returns that of z with these coefficients, the highest power's first.
func polynomial(z float64, coefficients ...float64) float64 {
	sum := 0.0
	for _, c := range coefficients {
		sum = float64(sum*z) + c
	}
	return sum
}

// Z99 is the 99th percentile of the standard normal distribution.
const Z99 = 2.3263478740408411009

// Exponential draws from the exponential distribution of mean 1, by inversion.
func Exponential(rng *rand.Rand) float64 { return -Log(1 - rng.Float64()) }

// Normal draws from the standard normal distribution, by the polar method
// (G. Marsaglia and T. Bray, A Convenient Method for Generating Normal Variables,
// SIAM Review 6, 1964). The second of its two numbers is not used, so that a
// draw depends on its stream only.
func Normal(rng *rand.Rand) float64 {
	for {
		u, v := float64(2*rng.Float64())-1, float64(2*rng.Float64())-1
		if s := float64(u*u) + float64(v*v); 0 < s && s < 1 {
			return float64(u * math.Sqrt(-2*Log(s)/s))
		}
	}
}

// Gamma draws from the gamma distribution of that shape, above 0, and scale 1
// (G. Marsaglia and W. W. Tsang, A Simple Method for Generating Gamma Variables,
// ACM TOMS 26, 2000). A shape below 1 is that of shape+1 times U^(1/shape), U
// uniform.
func Gamma(shape float64, rng *rand.Rand) float64 {
	if shape < 1 {
		return float64(Gamma(shape+1, rng) * Exp(-Exponential(rng)/shape))
	}
	d := shape - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := Normal(rng)
		t := 1 + float64(c*x)
		if t <= 0 {
			continue
		}
		v, xx := float64(t*t*t), x*x
		u := 1 - rng.Float64()
		if u < 1-float64(0.0331*xx*xx) || Log(u) < float64(xx/2)+float64(d*(1-v+Log(v))) {
			return float64(d * v)
		}
	}
}

// Poisson draws from the Poisson distribution of that mean, at least 0, in a time
// proportional to it: it counts the events of a process of rate 1.
func Poisson(mean float64, rng *rand.Rand) (n int) {
	for at := Exponential(rng); at < mean; at += Exponential(rng) {
		n++
	}
	return n
}
