//! Zipf's law over ranks: rank r is chosen in proportion to 1 / (r + 1).

use rand::Rng;

/// Chooses ranks by Zipf's law with exponent 1.
#[derive(Debug)]
pub(crate) struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(ranks: usize) -> Self {
        let mut total = 0.0;
        let weight = |rank: usize| 1.0 / (rank as f64 + 1.0);
        let cumulative = (0..ranks)
            .map(|rank| {
                total += weight(rank);
                total
            })
            .collect();
        Zipf { cumulative }
    }

    /// A rank below `ranks` (which is at most the number of ranks made, and more than none).
    pub(crate) fn pick(&self, rng: &mut impl Rng, ranks: usize) -> usize {
        let known = &self.cumulative[..ranks];
        let total = known.last().copied().unwrap_or(0.0);
        let at = rng.random::<f64>() * total;
        known.partition_point(|sum| *sum <= at).min(ranks - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn low_ranks_are_chosen_more_often_and_all_stay_in_range() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let zipf = Zipf::new(10);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[zipf.pick(&mut rng, 8)] += 1;
        }
        assert!(counts[0] > 2 * counts[3] && counts[3] > counts[7]);
        assert!(counts[7] > 0 && counts[8] == 0 && counts[9] == 0);
    }
}
