//! The Regions of AWS in which Lambda@Edge runs (CloudFront's Regional edge caches), and the distances between them.

use std::time::Duration;

/// How long Secrets Manager needs for an answer, apart from the way.
pub(crate) const SERVICE: Duration = Duration::from_millis(15);

/// A Region. Two Regions are the same if they have the same name.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Like `eu-west-1`.
    pub name: &'static str,
    /// Latitude and longitude of its city, in degrees.
    place: (f64, f64),
    /// Its part of all edges.
    pub(crate) weight: f64,
}

impl Region {
    const fn new(name: &'static str, place: (f64, f64), weight: f64) -> Self {
        Self { name, place, weight }
    }

    /// All, first the Region of the API and of the primary secret. A weight is a guess at how viewers are spread.
    pub const ALL: [Self; 13] = [
        Self::new("eu-west-1", (53.3, -6.3), 0.15),
        Self::new("us-east-1", (38.9, -77.4), 0.22),
        Self::new("us-west-2", (45.8, -119.7), 0.10),
        Self::new("ap-northeast-1", (35.7, 139.7), 0.08),
        Self::new("eu-central-1", (50.1, 8.7), 0.15),
        Self::new("eu-west-2", (51.5, -0.1), 0.10),
        Self::new("us-east-2", (40.0, -83.0), 0.06),
        Self::new("ap-southeast-1", (1.4, 103.8), 0.05),
        Self::new("us-west-1", (37.4, -122.0), 0.02),
        Self::new("sa-east-1", (-23.5, -46.6), 0.02),
        Self::new("ap-south-1", (19.1, 72.9), 0.02),
        Self::new("ap-northeast-2", (37.6, 127.0), 0.02),
        Self::new("ap-southeast-2", (-33.9, 151.2), 0.01),
    ];

    /// Whether a read is too slow for a request that has keys in memory and waits 300 ms.
    pub(crate) fn is_far_from(&self, copy: &Self) -> bool {
        self.round_trip(copy) * 3 + SERVICE > Duration::from_millis(300)
    }

    /// The round trip to another Region. Light in glass goes 100 km there and back in a millisecond, and cables are about a third
    /// longer than the shortest way.
    pub(crate) fn round_trip(&self, other: &Self) -> Duration {
        let [(north, east), (other_north, other_east)] =
            [self.place, other.place].map(|(north, east)| (north.to_radians(), east.to_radians()));
        let half = |angle: f64| {
            let sine = libm::sin(angle / 2.0);
            sine * sine
        };
        let chord = half(other_north - north) + libm::cos(north) * libm::cos(other_north) * half(other_east - east);
        let kilometres = 2.0 * 6371.0 * libm::asin(libm::sqrt(chord));
        Duration::from_millis(2) + Duration::from_secs_f64(kilometres * 1.3 / 100.0 / 1000.0)
    }
}
