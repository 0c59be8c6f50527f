"""How much one person may ask for, whether on the pages or through programs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.chat.admission import Quota
from core.quarters import midnight, start_of


@dataclass(frozen=True, slots=True)
class Quotas:
    """``at_once`` answers under way, ``per_day`` messages in a day of the organisation's zone."""

    at_once: int
    per_day: int
    zone_info: ZoneInfo

    @property
    def zone(self) -> str:
        return self.zone_info.key

    def at(self, moment: datetime) -> Quota:
        """Return the quota for a turn that begins then."""
        day = moment.astimezone(self.zone_info).date()
        since, until = (start_of(midnight(each, self.zone_info)) for each in (day, day + timedelta(days=1)))
        return Quota(self.at_once, self.per_day, since, until)
