//! Query strings as Stripe writes them: `types[]=a&types[]=b&created[gte]=5`.

use super::Error;

/// The parameters in their order, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    parameters: Vec<(String, String)>,
}

/// What `created` allows: a closed range of seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Created {
    first: i64,
    last: i64,
}

impl Created {
    pub(crate) fn allows(self, second: i64) -> bool {
        (self.first..=self.last).contains(&second)
    }
}

impl Query {
    pub(crate) fn read(text: &str) -> Self {
        Self {
            parameters: form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        }
    }

    /// The parameter, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// `true` or `false`, if it is there.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                let message = format!("Invalid boolean: {other}");
                Err(Error::bad_parameter(name, &message))
            }
        }
    }

    /// A list: `name[]=…`, or with numbers: `name[0]=…`.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let parameters = self.parameters.iter();
        parameters
            .filter(|(known, _)| known != name && base(known) == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Refuses parameters other than these.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Error> {
        let mut names = self.parameters.iter().map(|(name, _)| name);
        match names.find(|name| !known.contains(&base(name))) {
            None => Ok(()),
            Some(name) => Err(Error::unknown_parameter(base(name))),
        }
    }

    /// `created=…`, or `created[gt|gte|lt|lte]=…`.
    pub(crate) fn created(&self) -> Result<Created, Error> {
        let mut created = Created {
            first: i64::MIN,
            last: i64::MAX,
        };
        for (name, value) in &self.parameters {
            if base(name) != "created" {
                continue;
            }
            let second: i64 = value.parse().map_err(|_| {
                Error::bad_parameter("created", &format!("Invalid integer: {value}"))
            })?;
            match &name["created".len()..] {
                "" => {
                    created.first = created.first.max(second);
                    created.last = created.last.min(second);
                }
                "[gt]" => created.first = created.first.max(second.saturating_add(1)),
                "[gte]" => created.first = created.first.max(second),
                "[lt]" => created.last = created.last.min(second.saturating_sub(1)),
                "[lte]" => created.last = created.last.min(second),
                _ => return Err(Error::unknown_parameter(name)),
            }
        }
        Ok(created)
    }

    /// Every parameter but this one, decoded, in order.
    pub(crate) fn all_but<'q>(&'q self, name: &'q str) -> impl Iterator<Item = (&'q str, &'q str)> {
        let parameters = self.parameters.iter();
        parameters
            .filter(move |(known, _)| known != name)
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every parameter of this base name with its whole name: `created[gte]`.
    pub(crate) fn named<'q>(&'q self, wanted: &'q str) -> impl Iterator<Item = (&'q str, &'q str)> {
        let parameters = self.parameters.iter();
        parameters
            .filter(move |(known, _)| base(known) == wanted)
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let parameters = self.parameters.iter();
        parameters
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// `created` of `created[gte]`.
fn base(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}
