//! What many rounds say together.

/// One value for each round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample(pub(crate) Vec<f64>);

/// The ratio of two sides that took turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The median of the rounds' own ratios.
    pub(crate) median: f64,
    /// Their 10th and 90th percentile.
    pub(crate) spread: (f64, f64),
    /// The least value of one side by the least of the other.
    pub(crate) of_least: f64,
}

/// A straight line through points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) slope: f64,
    /// How straight the points are: 1 if all are on the line.
    pub(crate) r_squared: f64,
}

impl Sample {
    pub(crate) fn median(&self) -> f64 {
        self.percentile(0.5)
    }

    pub(crate) fn least(&self) -> f64 {
        self.percentile(0.0)
    }

    /// The value at this part of the sorted ones; between two of them a mean. `NaN` for an empty sample.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = number(sorted.len().saturating_sub(1)) * part;
        let value = |at: f64| {
            #[expect(clippy::as_conversions, reason = "an index of this list")]
            let index = at as usize;
            sorted.get(index).copied().unwrap_or(f64::NAN)
        };
        value(at.floor()) + (value(at.ceil()) - value(at.floor())) * at.fract()
    }

    /// Round by round.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a + b).collect())
    }

    pub(crate) fn by(&self, other: &Self) -> Ratio {
        let ratios = Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect());
        Ratio {
            median: ratios.median(),
            spread: (ratios.percentile(0.1), ratios.percentile(0.9)),
            of_least: self.least() / other.least(),
        }
    }
}

impl Line {
    /// The line of least squares.
    pub(crate) fn through(points: &[(f64, f64)]) -> Self {
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / number(points.len());
        let (x, y) = (mean(&|(x, _)| *x), mean(&|(_, y)| *y));
        let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(a, b)| of(a - x, b - y)).sum::<f64>();
        let slope = sum(&|a, b| a * b) / sum(&|a, _| a * a);
        let r_squared = 1.0 - sum(&|a, b| (b - slope * a).powi(2)) / sum(&|_, b| b * b);
        Self { slope, r_squared }
    }
}

/// A count, which is far below 2^52.
#[expect(clippy::as_conversions, reason = "the standard library has no other conversion")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_at_its_place() {
        for (values, part, expected) in [
            (&[3.0][..], 0.5, 3.0),
            (&[3.0, 1.0, 2.0], 0.5, 2.0),
            (&[4.0, 1.0, 2.0, 3.0], 0.5, 2.5),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0], 0.1, 2.0),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0], 0.9, 10.0),
            (&[2.0, 1.0], 0.0, 1.0),
            (&[2.0, 1.0], 1.0, 2.0),
        ] {
            assert_eq!(Sample(values.to_vec()).percentile(part), expected, "{part} of {values:?}");
        }
        assert!(Sample::default().median().is_nan());
    }

    /// A round in which the machine was slow for both sides does not change the ratio.
    #[test]
    fn a_ratio_is_that_of_each_round() {
        let (ours, theirs) = (Sample(vec![2.0, 20.0, 4.0]), Sample(vec![1.0, 10.0, 1.0]));
        assert_eq!(ours.by(&theirs), Ratio { median: 2.0, spread: (2.0, 3.6), of_least: 2.0 });
        assert_eq!(theirs.by(&ours).median, 0.5);
        assert_eq!(ours.plus(&theirs), Sample(vec![3.0, 30.0, 5.0]));
    }

    #[test]
    fn a_line_has_a_slope_and_a_straightness() {
        assert_eq!(Line::through(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Line { slope: 2.0, r_squared: 1.0 });
        let bent = Line::through(&[(0.0, 0.0), (1.0, 1.0), (2.0, 4.0), (3.0, 9.0)]);
        assert!(bent.slope == 3.0 && (0.90..0.92).contains(&bent.r_squared), "{bent:?}");
    }
}
