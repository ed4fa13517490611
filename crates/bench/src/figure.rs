//! Many measurements of one thing, as a reader wants them: the median, and how far they lie apart.

use std::fmt;

/// Measurements; never none.
#[derive(Clone, Debug)]
pub(crate) struct Figure(Vec<f64>);

impl Figure {
    pub(crate) fn of<T>(turns: &[T], value: impl FnMut(&T) -> f64) -> Self {
        let mut values: Vec<_> = turns.iter().map(value).collect();
        assert!(!values.is_empty(), "there is no figure without a turn");
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Of ours to theirs, turn by turn: what disturbs the machine then disturbs both.
    pub(crate) fn ratio<T>(ours: &[T], theirs: &[T], value: impl Fn(&T) -> f64) -> Self {
        let pairs: Vec<_> = ours.iter().zip(theirs).collect();
        Self::of(&pairs, |(ours, theirs)| value(ours) / value(theirs))
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Below it lies the share `q`.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let place = q * (self.0.len() - 1) as f64;
        let (below, above) = (self.0[place.floor() as usize], self.0[place.ceil() as usize]);
        below + (above - below) * place.fract()
    }
}

impl fmt::Display for Figure {
    /// `4.1 (3.9–5.2)`; as many places as the median deserves, unless told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median = self.median();
        let places = f.precision().unwrap_or(match median {
            100.0.. => 0,
            10.0.. => 1,
            _ => 2,
        });
        write!(f, "{median:.places$}")?;
        match self.0.as_slice() {
            [least, .., most] => write!(f, " ({least:.places$}–{most:.places$})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_told_by_its_median_and_its_ends() {
        assert_eq!(Figure::of(&[5.0, 1.0, 2.0, 4.0], |value| *value).to_string(), "3.00 (1.00–5.00)");
        assert_eq!(Figure::of(&[12_345.6], |value| *value).to_string(), "12346");
        assert_eq!(Figure::ratio(&[1.0, 9.0], &[2.0, 10.0], |value| *value).to_string(), "0.70 (0.50–0.90)");
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let figure = Figure::of(&[0.0, 10.0, 20.0], |value| *value);
        assert_eq!((figure.quantile(0.0), figure.quantile(0.75), figure.quantile(1.0)), (0.0, 15.0, 20.0));
    }
}
