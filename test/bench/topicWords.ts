/** Topics with their concepts, each by two words of like meaning: what generated documents and queries are made of. */
export const TOPICS: readonly (readonly (readonly [string, string])[])[] = [
  // medicine
  'doctor physician, illness disease, medicine drug, hospital clinic, pain ache, wound injury, surgery operation, tired weary, fever temperature, infant baby',
  // travel
  'trip journey, airplane aircraft, luggage baggage, hotel inn, tourist visitor, map chart, ticket pass, beach shore, guide leader, border frontier',
  // work
  'job occupation, wage salary, boss manager, firm company, staff personnel, contract agreement, office bureau, meeting conference, task assignment, retire resign',
  // home
  'house dwelling, sofa couch, carpet rug, garden yard, stove oven, curtain drape, roof ceiling, repair fix, clean tidy, basement cellar',
  // law
  'lawyer attorney, judge magistrate, crime offence, prison jail, police constable, thief robber, evidence proof, trial hearing, guilty culpable, penalty fine',
  // weather
  'rain drizzle, storm tempest, wind breeze, fog mist, cold chilly, hot warm, snow sleet, cloud overcast, flood deluge, forecast prediction',
  // money
  'money cash, bank lender, loan credit, debt liability, rich wealthy, poor needy, tax levy, profit gain, price cost, buyer customer',
  // school
  'teacher instructor, pupil student, lesson class, exam test, school academy, book volume, essay composition, clever intelligent, error mistake, library archive',
  // vehicles
  'car automobile, truck lorry, road street, fuel petrol, engine motor, wheel tyre, driver chauffeur, crash collision, garage workshop, fast quick',
  // food
  'meal dinner, cook chef, meat beef, bread loaf, sweet sugary, drink beverage, soup broth, hungry starving, spice seasoning, restaurant diner',
  // war
  'soldier warrior, battle combat, gun rifle, army troops, enemy foe, peace truce, bomb explosive, victory triumph, castle fortress, captive prisoner',
  // nature
  'forest woods, river stream, animal beast, bird fowl, flower blossom, mountain peak, stone rock, snake serpent, rabbit hare, lake pond',
].map((topic) =>
  topic.split(', ').map((pair): [string, string] => [pair.split(' ')[0] ?? '', pair.split(' ')[1] ?? '']),
);
