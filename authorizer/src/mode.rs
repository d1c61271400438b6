/// What the function does with a request that a check refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    Enforce,
    /// It is allowed, logged and counted: the safe first step on a live API.
    Monitor,
}

impl Mode {
    /// The words of the settings.
    pub(crate) const WORDS: [(&str, Self); 2] = [("enforce", Self::Enforce), ("monitor", Self::Monitor)];
}
