import { checkDuties, checkStreaming } from '../checks/rights.ts';
import { checkEmpty } from '../checks/green.ts';
import { checkVersionAndRole } from '../checks/servers.ts';
import { look, sqlName, type Finding, type SideView } from '../finding.ts';

/** What a PostgreSQL must be that takes the tables of a MySQL or MariaDB: of a major that is known, no replica, empty, and Teal's role may do there what it must. */
export function checkPostgresGreen(green: SideView): readonly Finding[] {
  return [
    ...checkVersionAndRole('green', green),
    ...checkEmpty({ green }),
    ...look(green.facts.rights, 'green', 'rights of the role', (rights) => {
      const database = sqlName(green.identity.identity.database.replace(/^\d+\//, ''));
      const role = sqlName(rights.user);
      return [
        ...checkStreaming('green', rights, role),
        ...checkDuties('green', rights, role, database, green.identity.major),
      ];
    }),
  ];
}
