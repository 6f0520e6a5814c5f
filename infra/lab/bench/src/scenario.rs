//! What is measured: which deliveries, how many, in how many environments.

use crate::delivery::Mix;
use crate::role::Role;
use crate::stub::Delays;

/// What a function gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Load {
    /// One delivery per invocation.
    Deliveries(Mix),
    /// One batch of messages per invocation, each message about an event of this number of bytes.
    Batches { messages: usize, bytes: usize },
}

/// How a function is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// This number of new processes, with one event each.
    Cold { starts: usize },
    /// This number of environments, each with events that aren't measured and then events that are.
    Warm {
        environments: usize,
        warm_up: usize,
        count: usize,
    },
}

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scenario {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Its name in tables.
    pub(crate) title: &'static str,
    pub(crate) load: Load,
    pub(crate) course: Course,
    /// Whether AWS is reached over TLS, as in production.
    pub(crate) tls: bool,
    pub(crate) delays: Delays,
    /// The table that it is a line of, if it has no table of its own.
    pub(crate) series: Option<Series>,
}

/// Scenarios that differ in one thing, to show how cost grows with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Series {
    /// The bytes of an event.
    Bodies,
    /// The environments side by side.
    Environments,
    /// The messages of a batch.
    Batches,
}

impl Series {
    /// Every series, in the order of the tables.
    pub(crate) const ALL: [Self; 3] = [Self::Bodies, Self::Environments, Self::Batches];

    /// The table's title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Bodies => "How cost grows with an event's size",
            Self::Environments => {
                "How throughput grows with environments, DynamoDB at 4 ms and EventBridge at 6 ms"
            }
            Self::Batches => "How cost falls with a consumer's batch",
        }
    }
}

/// Bytes of a usual event.
const USUAL: Mix = Mix {
    bytes: 3_072,
    duplicates: 0.0,
    forged: 0.0,
};

/// Just below the size from which Sluice sends a pointer to the ledger through the bus, so that all contestants do the
/// same.
const LARGE: Mix = Mix {
    bytes: 199_000,
    ..USUAL
};

/// About what AWS takes in one Region.
const AS_IN_A_REGION: Delays = Delays {
    store_us: 4_000,
    bus_us: 6_000,
};

/// A usual batch.
const TEN: Load = Load::Batches {
    messages: 10,
    bytes: USUAL.bytes,
};

const WARM: Course = Course::Warm {
    environments: 1,
    warm_up: 300,
    count: 1_500,
};

const BASE: Scenario = Scenario {
    name: "warm-3k",
    title: "warm, 3 KB",
    load: Load::Deliveries(USUAL),
    course: WARM,
    tls: false,
    delays: Delays {
        store_us: 0,
        bus_us: 0,
    },
    series: None,
};

/// A line of the table by size. There are fewer of the larger events, which take longer.
const fn body(name: &'static str, title: &'static str, bytes: usize, count: usize) -> Scenario {
    Scenario {
        name,
        title,
        load: Load::Deliveries(Mix { bytes, ..USUAL }),
        course: Course::Warm {
            environments: 1,
            warm_up: count / 4,
            count,
        },
        series: Some(Series::Bodies),
        ..BASE
    }
}

const fn environments(name: &'static str, title: &'static str, environments: usize) -> Scenario {
    Scenario {
        name,
        title,
        course: Course::Warm {
            environments,
            warm_up: 30,
            count: 150,
        },
        delays: AS_IN_A_REGION,
        series: Some(Series::Environments),
        ..BASE
    }
}

const fn batch(name: &'static str, title: &'static str, messages: usize, count: usize) -> Scenario {
    Scenario {
        name,
        title,
        load: Load::Batches {
            messages,
            bytes: USUAL.bytes,
        },
        course: Course::Warm {
            environments: 1,
            warm_up: count / 4,
            count,
        },
        series: Some(Series::Batches),
        ..BASE
    }
}

/// Every scenario.
pub(crate) const SCENARIOS: [Scenario; 17] = [
    Scenario {
        name: "cold-tls",
        title: "cold start, over TLS",
        course: Course::Cold { starts: 10 },
        tls: true,
        ..BASE
    },
    BASE,
    Scenario {
        name: "warm-200k",
        title: "warm, 200 KB",
        load: Load::Deliveries(LARGE),
        course: Course::Warm {
            environments: 1,
            warm_up: 40,
            count: 110,
        },
        ..BASE
    },
    Scenario {
        name: "mix-3k",
        title: "warm, 3 KB, a fifth duplicates, a tenth forged",
        load: Load::Deliveries(Mix {
            duplicates: 0.2,
            forged: 0.1,
            ..USUAL
        }),
        course: Course::Warm {
            environments: 1,
            warm_up: 200,
            count: 800,
        },
        ..BASE
    },
    Scenario {
        name: "consume-cold-tls",
        title: "consumer: cold start to the first batch of 10, over TLS",
        load: TEN,
        course: Course::Cold { starts: 10 },
        tls: true,
        ..BASE
    },
    Scenario {
        name: "consume-10",
        title: "consumer: warm, batches of 10, 3 KB",
        load: TEN,
        course: Course::Warm {
            environments: 1,
            warm_up: 50,
            count: 200,
        },
        ..BASE
    },
    body("body-2k", "2 KB", 2_048, 400),
    body("body-3k", "3 KB", 3_072, 400),
    body("body-20k", "20 KB", 20_000, 300),
    body("body-100k", "100 KB", 100_000, 120),
    body("body-199k", "199 KB", 199_000, 80),
    body("body-900k", "900 KB", 900_000, 30),
    environments("environments-1", "1", 1),
    environments("environments-2", "2", 2),
    environments("environments-4", "4", 4),
    batch("batch-1", "1", 1, 400),
    batch("batch-10", "10", 10, 100),
];

impl Scenario {
    /// The role of the functions that can run it.
    pub(crate) fn role(&self) -> Role {
        match self.load {
            Load::Deliveries(_) => Role::Ingest,
            Load::Batches { .. } => Role::Consumer,
        }
    }

    /// How many events an invocation has.
    pub(crate) fn events(&self) -> usize {
        match self.load {
            Load::Deliveries(_) => 1,
            Load::Batches { messages, .. } => messages,
        }
    }

    /// How many invocations a run has.
    pub(crate) fn invocations(&self) -> usize {
        match self.course {
            Course::Cold { starts } => starts,
            Course::Warm {
                environments,
                warm_up,
                count,
            } => environments * (warm_up + count),
        }
    }

    /// The same with a quarter of the events, for a quick look; series are left out.
    pub(crate) fn quick(mut self) -> Self {
        match &mut self.course {
            Course::Cold { starts } => *starts = 5,
            Course::Warm { warm_up, count, .. } => {
                *warm_up /= 2;
                *count = count.div_ceil(4);
            }
        }
        self
    }
}
