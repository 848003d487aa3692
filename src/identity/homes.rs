//! Contacts beside what is counted of them: where each profile is at home, and how frequent its values are there.
//!
//! The two need each other in turns: values are counted by the homes that profiles tell, and who tells none is at home
//! where people of these names are. Only profiles of leads are counted: CRM records must not move an identity.

use polars::prelude::*;
use rayon::prelude::*;

use super::forms::Forms;
use super::frequency::Frequencies;
use super::numbers::NONE;
use crate::contact;
use crate::error::Result;

/// Contacts as numbers, and how frequent their values are.
#[derive(Default)]
pub(super) struct Contacts {
    pub forms: Forms,
    pub frequencies: Frequencies,
}

impl Contacts {
    /// The profile of each lead that `keep` names, in its order; a row flagged in `own` shares its profile with nobody.
    pub(super) fn add_leads(&mut self, frame: &DataFrame, keep: &[u32], own: &[bool]) -> Result<Vec<u32>> {
        let profiles = self.forms.add_leads(frame, keep, own)?;
        find_homes(&mut self.forms);
        self.frequencies = Frequencies::overall(&self.forms);
        self.frequencies.count_at_home(&self.forms);
        self.guess_homes();
        Ok(profiles)
    }

    /// The profile of each CRM record, all after those of leads.
    pub(super) fn add_records(&mut self, frame: &DataFrame, keep: &[u32]) -> Result<Vec<u32>> {
        let profiles = self.forms.add_records(frame, keep)?;
        find_homes(&mut self.forms);
        self.guess_homes();
        Ok(profiles)
    }

    /// The country of the profiles that tell none: where people are called so. Then all homes are known, and the shares
    /// of every profile are kept at hand.
    fn guess_homes(&mut self) {
        let frequencies = &self.frequencies;
        let homeless = self.forms.profiles.par_iter_mut().filter(|p| p.home == NONE);
        homeless.for_each(|profile| profile.home = frequencies.home_of_names(profile.first, profile.last));
        self.frequencies.keep_of_profiles(&self.forms);
    }
}

/// The country of each profile as typed, else of its phone, else of its mail domain.
fn find_homes(forms: &mut Forms) {
    let codes: Vec<_> = forms.domains.par_iter().map(|domain| contact::domain_country(domain)).collect();
    let by_domain: Vec<u32> = codes.into_iter().map(|code| forms.country(code)).collect();
    for profile in &mut forms.profiles {
        let phone = forms.phones.get(profile.phone as usize).map_or(NONE, |p| p.country);
        let domain = forms.emails.get(profile.email as usize).map_or(NONE, |e| e.domain);
        let domain = by_domain.get(domain as usize).copied().unwrap_or(NONE);
        profile.home = [profile.country, phone, domain].into_iter().find(|c| *c != NONE).unwrap_or(NONE);
    }
}
